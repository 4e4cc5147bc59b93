// The arguments of a convolution, whichever of torch's schemas they came by.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "export/lower/lowering.h"
#include "export/ops/windows/window.h"

namespace torch2nnef {

struct Convolution {
  Value input;                // [N, C, spatial...], in a floating type
  Shape weight_shape;         // [O, C/groups, k...], or transposed: [C, O/groups, k...]
  std::optional<Value> bias;  // [O], in the input's type
  std::vector<std::int64_t> stride, dilation;
  std::int64_t groups = 1;
  bool has_batch = true;  // false: torch's input had no batch axis

  std::size_t spatial() const { return stride.size(); }
  std::int64_t kernel(std::size_t axis) const { return weight_shape.at(axis + 2).value(); }
  std::int64_t extent(std::size_t axis) const { return window_extent(kernel(axis), dilation[axis]); }
};

// Reads everything but the weight and the padding.
Convolution read_convolution(Call& call);
// The call's result from [N, O, spatial...]: without the batch axis that torch's input lacked, in the result's dtype.
void set_convolution_result(Call& call, const Convolution& convolution, Value y);

// aten::conv_transpose2d and its like, and aten::convolution with transposed = True.
void lower_transposed_convolution(Call& call);

}  // namespace torch2nnef
