#include "export/ops/resampling/interpolation.h"

#include <algorithm>
#include <cmath>

namespace torch2nnef {
namespace {

// Inputs per output.
template <class T>
T step_of(const AxisResample& axis) {
  if (axis.align_corners) {
    return axis.outputs > 1 ? static_cast<T>(axis.inputs - 1) / static_cast<T>(axis.outputs - 1) : T(0);
  }
  if (axis.scale && *axis.scale > 0) return static_cast<T>(1.0 / *axis.scale);
  return static_cast<T>(axis.inputs) / static_cast<T>(axis.outputs);
}

// The place in the input of the middle of an output item; linear interpolation has none before the first input.
template <class T>
T source_place(const AxisResample& axis, std::int64_t output, bool is_cubic) {
  const T step = step_of<T>(axis);
  if (axis.align_corners) return step * static_cast<T>(output);
  const T place = step * (static_cast<T>(output) + T(0.5)) - T(0.5);
  return !is_cubic && place < T(0) ? T(0) : place;
}

double place_of(const AxisResample& axis, std::int64_t output, bool is_cubic) {
  return axis.in_double ? source_place<double>(axis, output, is_cubic)
                        : static_cast<double>(source_place<float>(axis, output, is_cubic));
}

// The cubic convolution kernel with parameter a.
double cubic_kernel(double x, double a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Taps linear_taps(const AxisResample& axis, std::int64_t output) {
  const double place = place_of(axis, output, false);
  const std::int64_t first = std::min(static_cast<std::int64_t>(place), axis.inputs - 1);
  const std::int64_t second = std::min(first + 1, axis.inputs - 1);
  const double part = std::min(std::max(place - static_cast<double>(first), 0.0), 1.0);
  return {{first, 1 - part}, {second, part}};
}

Taps cubic_taps(const AxisResample& axis, std::int64_t output) {
  const double place = place_of(axis, output, true), whole = std::floor(place);
  Taps taps;
  for (int offset = -1; offset <= 2; ++offset) {
    const std::int64_t input = static_cast<std::int64_t>(whole) + offset;
    taps.emplace_back(std::clamp<std::int64_t>(input, 0, axis.inputs - 1), cubic_kernel(place - whole - offset, -0.75));
  }
  return taps;
}

// A kernel stretched by the step when the axis shrinks, cut at the borders and made to sum to 1.
Taps antialias_taps(Resample kind, const AxisResample& axis, std::int64_t output) {
  const double step = axis.in_double ? step_of<double>(axis) : static_cast<double>(step_of<float>(axis));
  const double half_width = kind == Resample::kLinear ? 1 : 2;
  const double stretch = std::max(step, 1.0), support = half_width * stretch;
  const double centre = step * (static_cast<double>(output) + 0.5);
  const std::int64_t begin = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
  const std::int64_t end = std::min(static_cast<std::int64_t>(centre + support + 0.5), axis.inputs);
  Taps taps;
  double sum = 0;
  for (std::int64_t input = begin; input < end; ++input) {
    const double distance = (static_cast<double>(input) - centre + 0.5) / stretch;
    const double weight =
        kind == Resample::kLinear ? std::max(1 - std::fabs(distance), 0.0) : cubic_kernel(distance, -0.5);
    taps.emplace_back(input, weight);
    sum += weight;
  }
  for (auto& [input, weight] : taps) {
    if (sum != 0) weight /= sum;
  }
  return taps;
}

}  // namespace

std::vector<std::int64_t> nearest_places(Resample kind, const AxisResample& axis) {
  const float step = step_of<float>(axis);
  std::vector<std::int64_t> places;
  for (std::int64_t output = 0; output < axis.outputs; ++output) {
    std::int64_t place = 0;
    if (kind == Resample::kNearestExact) {
      place = static_cast<std::int64_t>(std::floor(static_cast<float>((static_cast<double>(output) + 0.5) * step)));
    } else if (axis.outputs == axis.inputs) {
      place = output;
    } else if (axis.outputs == 2 * axis.inputs) {
      place = output / 2;
    } else {
      place = static_cast<std::int64_t>(std::floor(static_cast<float>(output) * step));
    }
    places.push_back(std::min(place, axis.inputs - 1));
  }
  return places;
}

AxisMap interpolation(Resample kind, const AxisResample& axis) {
  AxisMap map{axis.inputs, {}};
  for (std::int64_t output = 0; output < axis.outputs; ++output) {
    if (axis.antialias) {
      map.outputs.push_back(antialias_taps(kind, axis, output));
    } else {
      map.outputs.push_back(kind == Resample::kLinear ? linear_taps(axis, output) : cubic_taps(axis, output));
    }
  }
  return map;
}

}  // namespace torch2nnef
