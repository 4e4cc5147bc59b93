// Resampling along an axis whose length is symbolic.
#pragma once

#include <optional>

#include "export/ops/resampling/interpolation.h"

namespace torch2nnef {

struct SymbolicAxis {
  Dim inputs, outputs;
  std::optional<double> scale;  // outputs per input, when the model gave it
  bool align_corners = false;
};

// kNearest and kNearestExact.
Value nearest_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis);
// kLinear and kCubic; x is f32 or f64.
Value interpolated_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis);
// The same with a kernel that is stretched by the step where the axis shrinks, as a product with a matrix of weights
// that is computed in the graph.
Value antialiased_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis);

}  // namespace torch2nnef
