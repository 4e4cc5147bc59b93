// Outputs that differ by nothing but the rounding of f32: told by a third opinion, the archive evaluated in f64.
//
// Some networks make the last bit of f32 grow until it passes any fixed tolerance. PyTorch's own result is then as far
// from what exact arithmetic gives as the engine's is, and neither of them is wrong.
#pragma once

#include <optional>

#include "export/request.h"
#include "nnef/io.h"

namespace torch2nnef {

// How far two results in f32 are from the same in f64: the largest distance of each.
struct Rounding {
  double expected = 0, actual = 0;
  double accepts = 0;  // a number at which the two agree (Tolerance::of)
};

// Nothing when the distances are not alike (what sets one side apart is then not rounding), when the tensors cannot be
// compared value by value, or when they do not agree at 0.05 either. `exact` is f64.
std::optional<Rounding> rounding_of(const nnef::TensorData& expected, const nnef::TensorData& actual,
                                    const nnef::TensorData& exact);

}  // namespace torch2nnef
