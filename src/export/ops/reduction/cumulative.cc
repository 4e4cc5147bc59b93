// Running sums, products, extrema along an axis.
//
// Where the engine has no operator, a doubling scheme: after step k each item stands for the 2^k items up to it, so an
// axis of n items takes log2(n) rounds of a slice, a combination and a concatenation. A dynamic axis takes a scan.

#include <functional>
#include <limits>
#include <optional>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

using Columns = std::vector<Value>;  // tensors that run along the axis together
// The running value of two neighbouring stretches, the earlier one first.
using Combine = std::function<Columns(Builder& b, const Columns& earlier, const Columns& later)>;

// One item of the scan: the value so far, combined with it.
nnef::Graph running_body(const Builder& outer, const Columns& columns, int axis, const Combine& combine) {
  nnef::Graph graph;
  graph.name = "running";
  Builder b(graph, outer.dialect());
  b.set_scope("", "item", "");
  Columns before, item;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Shape shape = outer.shape(columns[i]);
    shape[static_cast<std::size_t>(axis)] = 1;
    const DType dtype = outer.dtype(columns[i]);
    item.push_back(b.parameter("item_" + std::to_string(i), dtype, shape));
    before.push_back(b.parameter("before_" + std::to_string(i), dtype, shape));
  }
  const Columns after = combine(b, before, item);
  for (std::size_t i = 0; i < after.size(); ++i) b.name_output(after[i], "after_" + std::to_string(i));
  return graph;
}

// `start` holds what changes nothing when it is combined with the first item.
Columns run_in_scan(Call& call, const Columns& columns, const Columns& start, int axis, const Combine& combine) {
  Builder& b = call.builder();
  nnef::Graph body = running_body(b, columns, axis, combine);
  if (!b.graph().fragments.empty()) body.name += "_" + std::to_string(b.graph().fragments.size());
  Argument::Array scan, state, output;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string number = std::to_string(i), after = "after_" + number;
    scan.items.push_back(Argument::tuple({"item_" + number, columns[i], axis, 1}));
    state.items.push_back(Argument::tuple({"before_" + number, start[i], after}));
    output.items.push_back(Argument::tuple({after, "full", axis, 1}));
  }
  b.graph().fragments.push_back({body});
  return b.add_multi(
      "tract_core_scan", {},
      {{"body", body.name}, {"scan", scan}, {"full", Argument::Array{}}, {"state", state}, {"output", output}});
}

// `neutral` changes nothing when it is combined with an item; none: the item itself does not.
Columns run(Call& call, Columns columns, int axis, const Combine& combine, std::optional<double> neutral) {
  Builder& b = call.builder();
  Dim dim = b.shape(columns.at(0)).at(static_cast<std::size_t>(axis));
  if (!dim.is_constant()) {
    if (!b.dialect().has("tract_core_scan")) {
      throw Unsupported("a running value along a dynamic axis", "make the axis static");
    }
    Columns start;
    for (Value column : columns) {
      Value first = b.slice(column, axis, 0, 1);
      start.push_back(neutral ? filled(call, constant_of(call, *neutral, b.dtype(column)), b.shape(first)) : first);
    }
    return run_in_scan(call, columns, start, axis, combine);
  }
  std::int64_t size = dim.value();
  for (std::int64_t reach = 1; reach < size; reach *= 2) {
    Columns head, earlier, later;
    for (Value column : columns) {
      head.push_back(b.slice(column, axis, 0, reach));
      earlier.push_back(b.slice(column, axis, 0, size - reach));
      later.push_back(b.slice(column, axis, reach, size));
    }
    Columns combined = combine(b, earlier, later);
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = b.concat({head[i], combined[i]}, axis);
  }
  return columns;
}

Combine binary_operator(std::string op) {
  return [op](Builder& b, const Columns& earlier, const Columns& later) {
    return Columns{b.binary(op, earlier[0], later[0])};
  };
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
    return call.result(run(call, {x}, axis, binary_operator("add"), 0.0)[0]);
  }
  call.result(b.add("tract_core_cumsum", {x}, {{"axis", axis}, {"exclusive", false}, {"reverse", false}}));
}

void lower_cumprod(Call& call) {
  Value x = call.tensor_as("self", call.result_dtype());
  if (is_trivial(call)) return call.result(x);
  call.result(run(call, {x}, call.axis("dim", call.rank("self")), binary_operator("mul"), 1.0)[0]);
}

// log(exp(a) + exp(b)) without overflow; infinities of one sign stay what they are.
Value log_add_exp(Builder& b, Value first, Value second) {
  const DType dtype = b.dtype(first);
  const double largest = dtype == DType::kF64   ? std::numeric_limits<double>::max()
                         : dtype == DType::kF16 ? 65504.0
                                                : std::numeric_limits<float>::max();
  Value shift = b.binary("max", b.binary("max", first, second), b.literal(-largest, dtype));
  shift = b.binary("min", shift, b.literal(largest, dtype));
  Value sum =
      b.binary("add", b.unary("exp", b.binary("sub", first, shift)), b.unary("exp", b.binary("sub", second, shift)));
  return b.binary("add", b.unary("log", sum), shift);
}

void lower_logcumsumexp(Call& call) {
  const Builder& b = call.builder();
  Value x = call.tensor("self");
  if (is_trivial(call)) return call.result(x);
  const int axis = call.axis("dim", call.rank("self"));
  if (b.dtype(x) == DType::kF64 && !b.shape(x)[static_cast<std::size_t>(axis)].is_constant()) {
    throw Unsupported("logcumsumexp of f64 along a dynamic axis", "make the axis static, or compute it in f32");
  }
  Combine combine = [](Builder& at, const Columns& earlier, const Columns& later) {
    return Columns{log_add_exp(at, earlier[0], later[0])};
  };
  constexpr double kNothing = -std::numeric_limits<double>::infinity();
  call.result(run(call, {x}, axis, combine, kNothing)[0]);
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
  Combine combine = [&](Builder& at, const Columns& earlier, const Columns& later) {
    Value takes_later = at.binary(comparison, later[0], earlier[0]);
    if (nnef::is_float(dtype)) takes_later = at.binary("or", takes_later, at.binary("ne", later[0], later[0]));
    return Columns{at.select(takes_later, later[0], earlier[0]), at.select(takes_later, later[1], earlier[1])};
  };
  Columns columns = run(call, {x, places}, axis, combine, std::nullopt);
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
  call.result(run(call, {trapezoid_areas(call, axis)}, axis, binary_operator("add"), 0.0)[0]);
}

}  // namespace

void register_cumulative(Registry& registry) {
  registry.add("aten::cumsum", lower_cumsum, "a dynamic axis needs tract 0.23.9");
  registry.add("aten::cumprod", lower_cumprod);
  registry.add("aten::logcumsumexp aten::_logcumsumexp", lower_logcumsumexp, "along a dynamic axis not in f64");
  registry.add("aten::cummax", lower_cummax);
  registry.add("aten::cummin", lower_cummin);
  registry.add("aten::trapezoid aten::trapz", lower_trapezoid);
  registry.add("aten::cumulative_trapezoid", lower_cumulative_trapezoid);
}

}  // namespace torch2nnef
