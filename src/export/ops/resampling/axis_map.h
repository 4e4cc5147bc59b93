// Linear maps along one axis of a tensor: resampling and adaptive averages.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// One item of the result: places of the input and their weights.
using Taps = std::vector<std::pair<std::int64_t, double>>;

// A result of outputs.size() items along an axis of `inputs` items.
struct AxisMap {
  std::int64_t inputs = 0;
  std::vector<Taps> outputs;
};

// Each item of the result read from one place: a gather by constant indices.
Value read_along(Call& call, Value x, int axis, std::string_view hint, const std::vector<std::int64_t>& places);

// The map as a product with a constant matrix, or, where that would be large, as a weighted sum of gathers (all items
// then have equally many taps). x is f32 or f64.
Value map_along(Call& call, Value x, int axis, std::string_view hint, const AxisMap& map);

// The product with a matrix [items of the axis, items of the result].
Value product_along(Call& call, Value x, int axis, Value matrix);

}  // namespace torch2nnef
