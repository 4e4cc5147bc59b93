// Counts of items by bins, over one axis or several.

#include <algorithm>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// --- the edges of the bins ---

// count + 1 places from `low` to `high` ([] each), counted from the nearer end as torch.linspace does it.
Value even_edges(Call& call, Value low, Value high, std::int64_t count) {
  Builder& b = call.builder();
  DType dtype = b.dtype(low);
  Value step = b.binary("div", b.binary("sub", high, low), b.literal(static_cast<double>(count), dtype));
  Value places = b.cast(affine_range(call, count + 1), dtype);
  Value rest = b.cast(affine_range(call, count + 1, -1, count), dtype);
  Value from_low = b.binary("add", low, b.binary("mul", places, step));
  Value from_high = b.binary("sub", high, b.binary("mul", rest, step));
  Value is_low = b.binary("lt", affine_range(call, count + 1), b.constant((count + 1) / 2, DType::kI64));
  return b.select(is_low, from_low, from_high);
}

// Of the values x [N]: bins that all items would fall into are made half as wide again on both sides.
Value edges_of_data(Call& call, Value x, std::int64_t count) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  Value low = b.reduce("min_reduce", x, {0}, false), high = b.reduce("max_reduce", x, {0}, false);
  Value half = b.select(b.binary("eq", low, high), b.constant(0.5, dtype), b.constant(0.0, dtype));
  return even_edges(call, b.binary("sub", low, half), b.binary("add", high, half), count);
}

Value edges_between(Call& call, double low, double high, std::int64_t count, DType dtype) {
  if (low == high) std::tie(low, high) = std::pair(low - 0.5, high + 0.5);
  return even_edges(call, call.builder().constant(low, dtype), call.builder().constant(high, dtype), count);
}

// --- counts ---

// The bin of each of x [N], -1 outside; the last bin holds its upper edge.
Value bin_of(Call& call, Value x, Value edges) {
  Builder& b = call.builder();
  std::int64_t count = b.shape(edges).at(0).value() - 1;
  Value reached = b.binary("ge", b.unsqueeze(x, {1}), b.unsqueeze(edges, {0}));
  Value bin = sum_over(b, b.cast(reached, DType::kI64), {{1}, false});
  Value top = b.slice(edges, 0, count, count + 1), is_top = b.binary("eq", x, top);
  Value one = b.constant(std::int64_t{1}, DType::kI64);
  bin = b.binary("sub", b.select(is_top, b.constant(count, DType::kI64), bin), one);
  return b.select(b.binary("gt", x, top), b.constant(std::int64_t{-1}, DType::kI64), bin);
}

struct Counted {
  std::vector<Value> bins;  // [N] a dimension
  std::vector<Value> edges;
};

// The weight of all items of each cell; as a share of everything, and of the cell's size, when it is a density.
Value histogram(Call& call, const Counted& counted, DType dtype) {
  Builder& b = call.builder();
  Value cell, is_inside, zero = b.constant(std::int64_t{0}, DType::kI64);
  Shape shape;
  std::int64_t cells = 1;
  for (std::size_t i = 0; i < counted.bins.size(); ++i) {
    std::int64_t count = b.shape(counted.edges[i]).at(0).value() - 1;
    Value inside = b.binary("ge", counted.bins[i], zero);
    is_inside = is_inside ? b.binary("and", is_inside, inside) : inside;
    Value scaled = cell ? b.binary("mul", cell, b.constant(count, DType::kI64)) : Value{};
    cell = cell ? b.binary("add", scaled, counted.bins[i]) : counted.bins[i];
    shape.push_back(count);
    cells *= count;
  }
  cell = b.select(is_inside, cell, b.constant(std::int64_t{-1}, DType::kI64));
  Value is_hit = b.binary("eq", b.unsqueeze(cell, {1}), b.unsqueeze(affine_range(call, cells), {0}));
  Value weight = b.constant(1.0, dtype);
  if (call.has("weight")) weight = b.unsqueeze(reshape_to(call, call.tensor_as("weight", dtype), b.shape(cell)), {1});
  Value total = sum_over(b, b.select(is_hit, weight, b.literal(0.0, dtype)), {{0}, false});
  total = reshape_to(call, total, shape);
  if (!call.flag("density")) return total;
  Value sum = total;
  std::vector<int> axes;
  for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) axes.push_back(axis);
  sum = b.reduce("sum_reduce", total, axes, true);
  total = b.binary("div", total, sum);
  for (std::size_t i = 0; i < counted.edges.size(); ++i) {
    Value upper = b.slice(counted.edges[i], 0, 1, shape[i] + 1), lower = b.slice(counted.edges[i], 0, 0, shape[i]);
    Value width = b.binary("sub", upper, lower);
    for (std::size_t j = i + 1; j < shape.size(); ++j) width = b.unsqueeze(width, {b.rank(width)});
    total = b.binary("div", total, width);
  }
  return total;
}

void lower_histogram(Call& call) {
  DType dtype = call.result_dtype(0);
  Value x = reshape_to(call, call.tensor("self"), {nnef::volume(call.shape("self"))});
  Value edges;
  if (call.tape_call().find("bins")->value()) {
    edges = call.tensor_as("bins", dtype);
  } else if (call.has("range")) {
    std::vector<double> range = call.numbers("range");
    edges = edges_between(call, range.at(0), range.at(1), call.integer("bins"), dtype);
  } else {
    edges = edges_of_data(call, x, call.integer("bins"));
  }
  if (call.wanted(0)) call.result(0, histogram(call, {{bin_of(call, x, edges)}, {edges}}, dtype));
  if (call.wanted(1)) call.result(1, edges);
}

// The bins of each dimension: numbers of them, one number for all, or lists of edges.
void lower_histogramdd(Call& call) {
  DType dtype = call.result_dtype(0);
  const Shape& shape = call.shape("self");
  Dim dimensions = shape.back(), items = nnef::volume(Shape(shape.begin(), shape.end() - 1));
  Value x = reshape_to(call, call.tensor("self"), {items, dimensions});
  const TapeArgument& bins = *call.tape_call().find("bins");
  bool has_edges = bins.list() && !bins.list()->empty() && bins.list()->front().value();
  std::vector<Value> given = has_edges ? call.tensors("bins") : std::vector<Value>{};
  std::vector<std::int64_t> counts = has_edges ? std::vector<std::int64_t>{} : call.integers("bins");
  std::vector<double> range = call.has("range") ? call.numbers("range") : std::vector<double>{};
  Counted counted;
  for (std::int64_t i = 0; i < dimensions.value(); ++i) {
    auto at = static_cast<std::size_t>(i);
    Value column = call.builder().squeeze(call.builder().slice(x, 1, i, i + 1), {1});
    std::int64_t count = has_edges ? 0 : counts.size() == 1 ? counts[0] : counts.at(at);
    if (has_edges) {
      counted.edges.push_back(call.builder().cast(given.at(at), dtype));
    } else if (!range.empty()) {
      counted.edges.push_back(edges_between(call, range.at(2 * at), range.at(2 * at + 1), count, dtype));
    } else {
      counted.edges.push_back(edges_of_data(call, column, count));
    }
    counted.bins.push_back(bin_of(call, column, counted.edges.back()));
  }
  if (call.wanted(0)) call.result(0, histogram(call, counted, dtype));
  for (std::size_t i = 0; i < counted.edges.size(); ++i) {
    if (i + 1 < call.result_count() && call.wanted(i + 1)) call.result(i + 1, counted.edges[i]);
  }
}

}  // namespace

void register_histogram(Registry& registry) {
  registry.add("aten::histogram", lower_histogram);
  registry.add("aten::histogramdd", lower_histogramdd, "the number of dimensions must be static");
}

}  // namespace torch2nnef
