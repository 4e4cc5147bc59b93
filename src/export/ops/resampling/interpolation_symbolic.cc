// Resampling along an axis of symbolic length: places and weights are computed in the graph, by the steps of
// interpolation.cc.

#include "export/ops/resampling/interpolation_symbolic.h"

#include <array>

#include "export/ops/resampling/axis_map.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Inputs per output, f32. The quotient of sizes is taken in f64: engines may turn a division by a constant into a
// product, whose rounding would move places (T-DIV-CONSTANT).
Value step_of(Call& call, const SymbolicAxis& axis) {
  Builder& b = call.builder();
  if (!axis.align_corners && axis.scale && *axis.scale > 0) return b.constant(1.0 / *axis.scale, DType::kF32);
  const Dim less = axis.align_corners ? 1 : 0;
  Value inputs = call.dim_tensor(axis.inputs - less, DType::kF64);
  Value outputs = call.dim_tensor(axis.align_corners ? max(axis.outputs - less, Dim(1)) : axis.outputs, DType::kF64);
  return b.cast(b.binary("div", inputs, outputs), DType::kF32);
}

// [outputs], f32: 0, 1, 2, ... plus an offset.
Value counted(Call& call, const SymbolicAxis& axis, double offset) {
  Builder& b = call.builder();
  Value count = b.cast(affine_range(call, axis.outputs), DType::kF32);
  return offset == 0 ? count : b.binary("add", count, offset);
}

// The place in the input of the middle of each output item, f32.
Value source_places(Call& call, const SymbolicAxis& axis, bool is_cubic) {
  Builder& b = call.builder();
  if (axis.align_corners) return b.binary("mul", counted(call, axis, 0), step_of(call, axis));
  Value places = b.binary("sub", b.binary("mul", counted(call, axis, 0.5), step_of(call, axis)), 0.5);
  return is_cubic ? places : b.binary("max", places, 0.0);
}

// Whole places, int64, moved by an offset and kept on the axis.
Value clamped(Call& call, const SymbolicAxis& axis, Value whole, std::int64_t offset) {
  Builder& b = call.builder();
  Value places = b.cast(whole, DType::kI64);
  if (offset != 0) places = b.binary("add", places, Argument(offset));
  if (offset < 0) places = b.binary("max", places, Argument(0));
  return b.binary("min", places, call.dim_tensor(axis.inputs - 1));
}

// c[0] * x^3 + c[1] * x^2 + c[2] * x + c[3]
Value cubic(Call& call, Value x, const std::array<double, 4>& c) {
  Builder& b = call.builder();
  Value y = b.binary("add", b.binary("mul", x, c[0]), c[1]);
  for (std::size_t i = 2; i < c.size(); ++i) y = b.binary("add", b.binary("mul", y, x), c[i]);
  return y;
}

struct Tap {
  Value places, weights;
};

std::vector<Tap> linear_taps(Call& call, const SymbolicAxis& axis) {
  Builder& b = call.builder();
  Value places = source_places(call, axis, false), whole = b.unary("floor", places);
  Value part = b.binary("sub", places, whole);
  return {{clamped(call, axis, whole, 0), b.binary("sub", Argument(1.0), part)}, {clamped(call, axis, whole, 1), part}};
}

std::vector<Tap> cubic_taps(Call& call, const SymbolicAxis& axis) {
  constexpr double a = -0.75;
  constexpr std::array<double, 4> kNear = {a + 2, -(a + 3), 0, 1}, kFar = {a, -5 * a, 8 * a, -4 * a};
  Builder& b = call.builder();
  Value places = source_places(call, axis, true), whole = b.unary("floor", places);
  Value part = b.binary("sub", places, whole);
  Value rest = b.binary("sub", Argument(1.0), part);
  // The middle items may lie outside as well.
  auto at = [&](std::int64_t offset) {
    Value place = clamped(call, axis, whole, offset);
    return offset < 0 ? place : b.binary("max", place, Argument(0));
  };
  return {{at(-1), cubic(call, b.binary("add", part, 1.0), kFar)},
          {at(0), cubic(call, part, kNear)},
          {at(1), cubic(call, rest, kNear)},
          {at(2), cubic(call, b.binary("add", rest, 1.0), kFar)}};
}

// Inputs per output, of a dtype of floats; one output with aligned corners stands at the first input.
Value antialias_step(Call& call, const SymbolicAxis& axis, DType dtype) {
  Builder& b = call.builder();
  const Value step = b.cast(step_of(call, axis), dtype);
  if (!axis.align_corners) return step;
  return b.binary("mul", step, b.cast(call.dim_tensor(min(axis.outputs - 1, Dim(1))), dtype));
}

Value antialias_kernel(Call& call, Resample kind, Value distance) {
  Builder& b = call.builder();
  if (kind == Resample::kLinear) return b.binary("max", b.binary("sub", Argument(1.0), distance), 0.0);
  constexpr double a = -0.5;
  constexpr std::array<double, 4> kNear = {a + 2, -(a + 3), 0, 1}, kFar = {a, -5 * a, 8 * a, -4 * a};
  const Value far = cubic(call, b.binary("min", distance, 2.0), kFar);  // 0 from there on
  return b.select(b.binary("lt", distance, 1.0), cubic(call, distance, kNear), far);
}

Value gathered(Call& call, Value x, int place, Value indices) {
  return call.builder().add("tract_core_gather", {x, indices}, {{"axis", place}});
}

}  // namespace

Value nearest_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis) {
  Builder& b = call.builder();
  Value step = step_of(call, axis), places;
  if (kind == Resample::kNearestExact) {
    Value middles = b.cast(counted(call, axis, 0.5), DType::kF64);
    places = b.cast(b.binary("mul", middles, b.cast(step, DType::kF64)), DType::kF32);
  } else {
    places = b.binary("mul", counted(call, axis, 0), step);
  }
  return gathered(call, x, place, clamped(call, axis, b.unary("floor", places), 0));
}

Value interpolated_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis) {
  Builder& b = call.builder();
  std::vector<int> after;
  for (int i = place + 1; i < b.rank(x); ++i) after.push_back(i - place);
  Value sum;
  for (const Tap& tap : kind == Resample::kLinear ? linear_taps(call, axis) : cubic_taps(call, axis)) {
    Value weights = b.unsqueeze(b.cast(tap.weights, b.dtype(x)), after);
    Value part = b.binary("mul", gathered(call, x, place, tap.places), weights);
    sum = sum ? b.binary("add", sum, part) : part;
  }
  return sum;
}

Value antialiased_along(Call& call, Value x, int place, Resample kind, const SymbolicAxis& axis) {
  Builder& b = call.builder();
  const DType dtype = b.dtype(x);
  const auto middles = [&](const Dim& count, int other) {
    return b.unsqueeze(b.binary("add", b.cast(affine_range(call, count), dtype), 0.5), {other});
  };
  const Value step = antialias_step(call, axis, dtype);
  const Value centres = b.binary("mul", middles(axis.outputs, 0), step);  // [1, outputs]
  const Value apart = b.unary("abs", b.binary("sub", middles(axis.inputs, 1), centres));
  const Value weights = antialias_kernel(call, kind, b.binary("div", apart, b.binary("max", step, 1.0)));
  const Value sums = b.reduce("sum_reduce", weights, {0}, true);
  return product_along(call, x, place, b.binary("div", weights, sums));
}

}  // namespace torch2nnef
