// Numerical derivatives along axes, at even or given places.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

struct Axis {
  Value x;
  int axis;
  Dim size;

  Value part(Builder& b, const Dim& begin, const Dim& end) const { return b.slice(x, axis, begin, end); }
};

Value scaled(Builder& b, Value x, double factor) { return b.binary("mul", x, b.literal(factor, b.dtype(x))); }

// Differences of neighbours divided by the step between them.
Value even_derivative(Builder& b, const Axis& along, double step, std::int64_t edge_order) {
  const Dim& n = along.size;
  Value inside = b.binary("sub", along.part(b, 2, n), along.part(b, 0, n - 2));
  std::vector<Value> parts{Value{}, scaled(b, inside, 0.5 / step), Value{}};
  auto difference = [&](const Dim& at) {
    return b.binary("sub", along.part(b, at + 1, at + 2), along.part(b, at, at + 1));
  };
  Value first = difference(0), last = difference(n - 2);
  if (edge_order == 2) {  // (-3 x0 + 4 x1 - x2) / 2 and its mirror image
    first = b.binary("sub", scaled(b, first, 1.5), scaled(b, difference(1), 0.5));
    last = b.binary("sub", scaled(b, last, 1.5), scaled(b, difference(n - 3), 0.5));
  }
  parts[0] = scaled(b, first, 1 / step);
  parts[2] = scaled(b, last, 1 / step);
  return b.concat(parts, along.axis);
}

// The same at given places ([n]): weights are those of the parabola through three neighbours.
Value placed_derivative(Call& call, const Axis& along, Value places, std::int64_t edge_order) {
  Builder& b = call.builder();
  const Dim& n = along.size;
  int behind = b.rank(along.x) - 1 - along.axis;
  Value steps = b.binary("sub", b.slice(places, 0, 1, n), b.slice(places, 0, 0, n - 1));
  for (int i = 0; i < behind; ++i) steps = b.unsqueeze(steps, {b.rank(steps)});
  Value slopes = b.binary("div", b.binary("sub", along.part(b, 1, n), along.part(b, 0, n - 1)), steps);
  auto slope = [&](const Dim& begin, const Dim& end) { return b.slice(slopes, along.axis, begin, end); };
  auto step = [&](const Dim& begin, const Dim& end) { return b.slice(steps, 0, begin, end); };
  auto mixed = [&](Value weight_a, Value a, Value weight_b, Value c, Value divisor) {
    return b.binary("div", b.binary("add", b.binary("mul", weight_a, a), b.binary("mul", weight_b, c)), divisor);
  };
  Value before = step(0, n - 2), after = step(1, n - 1);
  Value inside = mixed(after, slope(0, n - 2), before, slope(1, n - 1), b.binary("add", before, after));
  Value first = slope(0, 1), last = slope(n - 2, n - 1);
  if (edge_order == 2) {
    auto edge = [&](const Dim& outer, const Dim& inner) {
      Value h = step(outer, outer + 1), k = step(inner, inner + 1), sum = b.binary("add", h, k);
      return mixed(b.binary("add", sum, h), slope(outer, outer + 1), b.unary("neg", h), slope(inner, inner + 1), sum);
    };
    first = edge(0, 1);
    last = edge(n - 2, n - 3);
  }
  return b.concat({first, inside, last}, along.axis);
}

std::vector<int> axes_of(const Call& call) {
  std::vector<int> axes;
  int rank = call.rank("self");
  if (!call.has("dim")) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  } else {
    for (std::int64_t axis : call.integers("dim")) axes.push_back(wrap_axis(axis, rank));
  }
  return axes;
}

void lower_gradient(Call& call) {
  Builder& b = call.builder();
  const TapeArgument* spacing = call.tape_call().find("spacing");
  const TapeList* list = spacing ? spacing->list() : nullptr;
  bool is_placed = list && !list->empty() && list->front().value();
  std::vector<Value> places = is_placed ? call.tensors("spacing") : std::vector<Value>{};
  std::vector<double> steps{1};
  if (spacing && !spacing->is_none() && !is_placed)
    steps = list ? call.numbers("spacing") : std::vector{call.number("spacing")};
  std::int64_t edge_order = call.integer("edge_order");
  std::vector<int> axes = axes_of(call);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!call.wanted(i)) continue;
    DType dtype = call.result_dtype(i);
    Value x = call.tensor_as("self", dtype);
    Axis along{x, axes[i], b.shape(x)[static_cast<std::size_t>(axes[i])]};
    if (is_placed) {
      call.result(i, placed_derivative(call, along, b.cast(places.at(i), dtype), edge_order));
    } else {
      call.result(i, even_derivative(b, along, steps.size() == 1 ? steps[0] : steps.at(i), edge_order));
    }
  }
}

}  // namespace

void register_gradient(Registry& registry) { registry.add("aten::gradient", lower_gradient); }

}  // namespace torch2nnef
