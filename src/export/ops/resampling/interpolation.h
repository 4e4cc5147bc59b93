// Where each item of a resampled axis comes from, computed as torch's kernels do, rounding included.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "export/ops/resampling/axis_map.h"

namespace torch2nnef {

enum class Resample { kNearest, kNearestExact, kLinear, kCubic };

struct AxisResample {
  std::int64_t inputs = 0, outputs = 0;
  std::optional<double> scale;  // outputs per input, when the model gave it
  bool align_corners = false;
  bool antialias = false;
  bool in_double = false;  // torch's kernels compute places in the dtype of the items
};

// One place for each item: kNearest and kNearestExact.
std::vector<std::int64_t> nearest_places(Resample kind, const AxisResample& axis);
// Weights: kLinear and kCubic.
AxisMap interpolation(Resample kind, const AxisResample& axis);

}  // namespace torch2nnef
