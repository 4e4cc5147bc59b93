// Codes of a matrix whose rounding errors are made up for by the items after them (as in GPTQ).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

// How far an error of an item of a row can be made up for by each later item, for given inputs of the layer.
class ErrorFeedback {
 public:
  // x is [samples, K]. Nothing where x does not determine it.
  static std::optional<ErrorFeedback> of_inputs(const at::Tensor& x);

  // Packs contiguous rows of f32 [n, K] into blocks (Q4_0); `importance` has K numbers and chooses the scales.
  std::vector<std::byte> pack(const at::Tensor& rows, const at::Tensor& importance) const;

 private:
  explicit ErrorFeedback(at::Tensor factor) : factor_(std::move(factor)) {}
  at::Tensor factor_;  // f32 [K, K], upper: of the inverse of the inputs' products
};

}  // namespace torch2nnef
