// Running sums, products, extrema along an axis.
//
// Where the engine has no operator, a doubling scheme: after step k each item stands for the 2^k items up to it, so an
// axis of n items takes log2(n) rounds of a slice, a combination and a concatenation.

#include <functional>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

using Columns = std::vector<Value>;  // tensors that run along the axis together
// The running value of two neighbouring stretches, the earlier one first.
using Combine = std::function<Columns(const Columns& earlier, const Columns& later)>;

Columns run(Call& call, Columns columns, int axis, const Combine& combine) {
  Builder& b = call.builder();
  Dim dim = b.shape(columns.at(0)).at(static_cast<std::size_t>(axis));
  if (!dim.is_constant()) throw Unsupported("a running value along a dynamic axis", "make the axis static");
  std::int64_t size = dim.value();
  for (std::int64_t reach = 1; reach < size; reach *= 2) {
    Columns head, earlier, later;
    for (Value column : columns) {
      head.push_back(b.slice(column, axis, 0, reach));
      earlier.push_back(b.slice(column, axis, 0, size - reach));
      later.push_back(b.slice(column, axis, reach, size));
    }
    Columns combined = combine(earlier, later);
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = b.concat({head[i], combined[i]}, axis);
  }
  return columns;
}

Combine binary_operator(Builder& b, std::string op) {
  return [&b, op](const Columns& earlier, const Columns& later) { return Columns{b.binary(op, earlier[0], later[0])}; };
}

// Results of rank 0 or without items are the input.
bool is_trivial(const Call& call) { return call.rank("self") == 0 || is_empty(call.shape("self")); }

void lower_cumsum(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor_as("self", call.result_dtype());
  if (is_trivial(call)) return call.result(x);
  int axis = call.axis("dim", call.rank("self"));
  const bool is_static = b.shape(x).at(static_cast<std::size_t>(axis)).is_constant();
  if (is_static && !b.dialect().has("tract_core_cumsum")) {
    return call.result(run(call, {x}, axis, binary_operator(b, "add"))[0]);
  }
  call.result(b.add("tract_core_cumsum", {x}, {{"axis", axis}, {"exclusive", false}, {"reverse", false}}));
}

void lower_cumprod(Call& call) {
  Value x = call.tensor_as("self", call.result_dtype());
  if (is_trivial(call)) return call.result(x);
  call.result(run(call, {x}, call.axis("dim", call.rank("self")), binary_operator(call.builder(), "mul"))[0]);
}

// log(exp(a) + exp(b)) without overflow; infinities of one sign stay what they are.
Value log_add_exp(Builder& b, Value first, Value second) {
  DType dtype = b.dtype(first);
  Value top = b.binary("max", first, second);
  Value shift = b.select(b.binary("eq", b.unary("abs", top), b.literal(1.0 / 0.0, dtype)), b.literal(0.0, dtype), top);
  Value sum =
      b.binary("add", b.unary("exp", b.binary("sub", first, shift)), b.unary("exp", b.binary("sub", second, shift)));
  return b.binary("add", b.unary("log", sum), shift);
}

void lower_logcumsumexp(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor("self");
  if (is_trivial(call)) return call.result(x);
  Combine combine = [&b](const Columns& earlier, const Columns& later) {
    return Columns{log_add_exp(b, earlier[0], later[0])};
  };
  call.result(run(call, {x}, call.axis("dim", call.rank("self")), combine)[0]);
}

// Values and where they stand, the last of equals; NaN win from where they appear, as in torch.
void lower_running_extremum(Call& call, const char* comparison) {
  Builder& b = call.builder();
  Value x = call.tensor("self");
  int axis = call.axis("dim", call.rank("self"));
  if (is_trivial(call)) {
    if (call.wanted(0)) call.result(0, x);
    if (call.wanted(1)) call.result(1, zeros(call, DType::kI64, call.result_shape(1)));
    return;
  }
  DType dtype = b.dtype(x);
  if (dtype == DType::kBool) x = b.cast(x, DType::kU8);
  Shape along(static_cast<std::size_t>(b.rank(x)), 1);
  const Shape shape = b.shape(x);
  Dim size = shape[static_cast<std::size_t>(axis)];
  along[static_cast<std::size_t>(axis)] = size;
  Value places = b.broadcast_to(reshape_to(call, affine_range(call, size), along), shape);
  Combine combine = [&](const Columns& earlier, const Columns& later) {
    Value takes_later = b.binary(comparison, later[0], earlier[0]);
    if (nnef::is_float(dtype)) takes_later = b.binary("or", takes_later, b.binary("ne", later[0], later[0]));
    return Columns{b.select(takes_later, later[0], earlier[0]), b.select(takes_later, later[1], earlier[1])};
  };
  Columns columns = run(call, {x, places}, axis, combine);
  if (call.wanted(0)) call.result(0, b.cast(columns[0], dtype));
  if (call.wanted(1)) call.result(1, columns[1]);
}

void lower_cummax(Call& call) { lower_running_extremum(call, "ge"); }
void lower_cummin(Call& call) { lower_running_extremum(call, "le"); }

// Sums of neighbours, weighted by the distance of their coordinates: areas of trapezoids.
Value trapezoid_areas(Call& call, int axis) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  Value y = call.tensor_as("y", dtype);
  Dim size = b.shape(y).at(static_cast<std::size_t>(axis));
  Value sums = b.binary("add", b.slice(y, axis, 1, size), b.slice(y, axis, 0, size - 1));
  Value half = b.binary("mul", sums, b.literal(0.5, dtype));
  if (!call.has("x")) return b.binary("mul", half, scalar_value(call, "dx", dtype));
  Value x = call.tensor_as("x", dtype);
  if (b.rank(x) == 1) {
    Shape along(static_cast<std::size_t>(b.rank(y)), 1);
    along[static_cast<std::size_t>(axis)] = size;
    x = reshape_to(call, x, along);
  }
  int x_axis = axis - (b.rank(y) - b.rank(x));
  if (x_axis < 0) throw Unsupported("a trapezoid whose coordinates lack its axis");
  return b.binary("mul", half, b.binary("sub", b.slice(x, x_axis, 1, size), b.slice(x, x_axis, 0, size - 1)));
}

int trapezoid_axis(Call& call) {
  int axis = call.axis("dim", call.rank("y"));
  const Dim& size = call.shape("y").at(static_cast<std::size_t>(axis));
  if (!nnef::is_float(call.result_dtype()) || size == Dim(0)) {
    throw Unsupported("a trapezoid sum of integers or of no points");
  }
  return axis;
}

bool is_one_point(const Call& call, int axis) { return call.shape("y").at(static_cast<std::size_t>(axis)) == Dim(1); }

void lower_trapezoid(Call& call) {
  int axis = trapezoid_axis(call);
  if (is_one_point(call, axis)) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  call.result(call.builder().reduce("sum_reduce", trapezoid_areas(call, axis), {axis}, false));
}

void lower_cumulative_trapezoid(Call& call) {
  int axis = trapezoid_axis(call);
  if (is_one_point(call, axis)) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  call.result(run(call, {trapezoid_areas(call, axis)}, axis, binary_operator(call.builder(), "add"))[0]);
}

}  // namespace

void register_cumulative(Registry& registry);

void register_cumulative(Registry& registry) {
  registry.add("aten::cumsum", lower_cumsum, "a dynamic axis needs tract 0.23.9");
  registry.add("aten::cumprod", lower_cumprod, "the axis must be static");
  registry.add("aten::logcumsumexp aten::_logcumsumexp", lower_logcumsumexp, "the axis must be static");
  registry.add("aten::cummax", lower_cummax, "the axis must be static");
  registry.add("aten::cummin", lower_cummin, "the axis must be static");
  registry.add("aten::trapezoid aten::trapz", lower_trapezoid);
  registry.add("aten::cumulative_trapezoid", lower_cumulative_trapezoid, "the axis must be static");
}

}  // namespace torch2nnef
