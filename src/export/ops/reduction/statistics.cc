// Quantiles, counts by value, and correlations.

#include <cmath>
#include <limits>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/reduction/sort.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// --- quantiles ---

// The fractions that are asked for: a number, or a constant tensor.
std::vector<double> fractions_of(const Call& call) {
  if (!call.tape_call().find("q")->value()) return {call.number("q")};
  ConstantPtr constant = call.constant("q");
  if (!constant) throw Unsupported("quantiles at places that depend on an input");
  return constant->to_doubles();
}

// The item at a place between two items, as `interpolation` has it.
Value between(Call& call, Value sorted, int axis, double place) {
  Builder& b = call.builder();
  std::string how = call.has("interpolation") ? call.text("interpolation") : "linear";
  double below = std::floor(place), above = std::ceil(place), weight = place - below;
  if (how == "nearest") below = above = std::nearbyint(place);
  if (how == "lower") above = below;
  if (how == "higher") below = above;
  if (how == "midpoint") weight = 0.5;
  auto item = [&](double at) {
    auto begin = static_cast<std::int64_t>(at);
    return b.slice(sorted, axis, begin, begin + 1);
  };
  if (below == above) return item(below);
  Value low = item(below);
  Value step = b.binary("sub", item(above), low);
  return b.binary("add", low, b.binary("mul", step, b.literal(weight, b.dtype(sorted))));
}

// The tensor with the axis that the quantile runs over last; everything as one axis when there is no `dim`.
struct QuantileInput {
  Value x;
  int axis = 0;
  Dim size;
};

QuantileInput quantile_input(Call& call) {
  QuantileInput input;
  input.x = call.tensor("self");
  if (call.has("dim")) {
    input.axis = call.axis("dim", call.rank("self"));
  } else {
    input.x = reshape_to(call, input.x, {nnef::volume(call.shape("self"))});
  }
  if (call.builder().rank(input.x) == 0) input.x = reshape_to(call, input.x, {1});
  input.size = call.builder().shape(input.x).at(static_cast<std::size_t>(input.axis));
  return input;
}

// Item `place` ([.., 1, ..], a number) of a sorted axis.
Value item_at(Builder& b, Value sorted, int axis, Value place) {
  Value index = b.binary("max", b.cast(place, DType::kI64), b.constant(std::int64_t{0}, DType::kI64));
  return b.add("tract_core_gather_elements", {sorted, index}, {{"axis", axis}});
}

// The same as `between` at a place that depends on how many items count.
Value between_counted(Call& call, Value sorted, int axis, Value place) {
  Builder& b = call.builder();
  std::string how = call.has("interpolation") ? call.text("interpolation") : "linear";
  Value below = b.unary("floor", place), above = b.unary("ceil", place);
  if (how == "nearest") return item_at(b, sorted, axis, b.unary("tract_core_round_even", place));
  if (how == "lower") return item_at(b, sorted, axis, below);
  if (how == "higher") return item_at(b, sorted, axis, above);
  Value weight = b.cast(b.binary("sub", place, below), b.dtype(sorted));
  Value low = item_at(b, sorted, axis, below);
  Value step = b.binary("sub", item_at(b, sorted, axis, above), low);
  if (how == "midpoint") return b.binary("add", low, b.binary("mul", step, b.literal(0.5, b.dtype(sorted))));
  Value moved = b.binary("add", low, b.binary("mul", step, weight));
  return b.select(b.binary("eq", weight, b.literal(0.0, b.dtype(sorted))), low, moved);
}

// The item at a fraction of an axis of any length, between two items. Where it is, is said in sizes alone
// (T-SIZE-FRACTION).
Value between_sized(Call& call, Value sorted, int axis, const Dim& size, double fraction) {
  constexpr std::int64_t kWhole = 1'000'000;
  Builder& b = call.builder();
  const std::int64_t parts = std::llround(fraction * static_cast<double>(kWhole));
  if (std::abs(static_cast<double>(parts) / static_cast<double>(kWhole) - fraction) > 1e-7) {
    throw Unsupported("a quantile along a dynamic axis at a fraction of more than six digits", "make the axis static");
  }
  if (call.has("interpolation") && call.text("interpolation") != "linear") {
    throw Unsupported("a quantile along a dynamic axis that is not interpolated", "make the axis static");
  }
  const Dim place = (size - 1) * Dim(parts), below = floor_div(place, kWhole);
  const auto item = [&](const Dim& at) {
    return b.add("tract_core_gather", {sorted, b.unsqueeze(call.dim_tensor(at), {0})}, {{"axis", axis}});
  };
  const DType dtype = b.dtype(sorted);
  const Value low = item(below), high = item(floor_div(place + (kWhole - 1), kWhole));
  Value moved =
      b.binary("mul", b.binary("sub", high, low), b.cast(call.dim_tensor(place - below * Dim(kWhole)), dtype));
  return b.binary("add", low, b.binary("mul", moved, b.literal(1.0 / static_cast<double>(kWhole), dtype)));
}

void lower_quantile(Call& call) {
  Builder& b = call.builder();
  const QuantileInput input = quantile_input(call);
  const Value sorted = sort_all(call, input.x, input.axis, false).values;
  // One NaN among the items makes the quantile NaN.
  Value is_nan = b.cast(b.binary("ne", input.x, input.x), DType::kI64);
  Value any = b.cast(b.reduce("max_reduce", is_nan, {input.axis}, true), DType::kBool);
  std::vector<Value> rows;
  for (double fraction : fractions_of(call)) {
    Value row = input.size.is_constant()
                    ? between(call, sorted, input.axis, fraction * static_cast<double>(input.size.value() - 1))
                    : between_sized(call, sorted, input.axis, input.size, fraction);
    row = b.select(any, b.literal(kNan, b.dtype(row)), row);
    rows.push_back(b.unsqueeze(row, {0}));
  }
  call.result(reshape_to(call, b.concat(rows, 0), call.result_shape()));
}

// NaN are sorted behind everything and not counted.
void lower_nanquantile(Call& call) {
  Builder& b = call.builder();
  QuantileInput input = quantile_input(call);
  DType dtype = b.dtype(input.x);
  Value is_number = b.binary("eq", input.x, input.x);
  Value count = b.reduce("sum_reduce", b.cast(is_number, DType::kI64), {input.axis}, true);
  Value known = b.select(is_number, input.x, b.literal(std::numeric_limits<double>::infinity(), dtype));
  Value sorted = sort_all(call, known, input.axis, false).values;
  Value last = b.cast(b.binary("sub", count, b.constant(std::int64_t{1}, DType::kI64)), DType::kF32);
  Value is_nothing = b.binary("eq", count, b.constant(std::int64_t{0}, DType::kI64));
  std::vector<Value> rows;
  for (double fraction : fractions_of(call)) {
    Value place = b.binary("mul", last, b.literal(fraction, DType::kF32));
    Value row = between_counted(call, sorted, input.axis, place);
    rows.push_back(b.unsqueeze(b.select(is_nothing, b.literal(kNan, dtype), row), {0}));
  }
  call.result(reshape_to(call, b.concat(rows, 0), call.result_shape()));
}

// --- counts ---

// How often each of `bins` places occurs in a flat list of places; what lies outside is not counted.
Value counts(Call& call, Value places, const Dim& bins, DType dtype) {
  Builder& b = call.builder();
  Value hits = b.binary("eq", b.unsqueeze(places, {1}), b.unsqueeze(affine_range(call, bins), {0}));
  return sum_over(b, b.cast(hits, dtype), {{0}, false});
}

// Equal bins between two numbers; the last one holds its upper end. Halves are put into bins as f32, as torch does it.
void lower_histc(Call& call) {
  Builder& b = call.builder();
  double low = call.number("min"), high = call.number("max");
  std::int64_t bins = call.integer("bins");
  const DType dtype = call.result_dtype() == DType::kF16 ? DType::kF32 : call.result_dtype();
  Value x = b.cast(reshape_to(call, call.tensor("self"), {nnef::volume(call.shape("self"))}), dtype);
  Value bottom, top;
  if (low == high) {
    bottom = b.reduce("min_reduce", x, {0}, true);
    top = b.reduce("max_reduce", x, {0}, true);
  } else {
    bottom = b.unsqueeze(b.constant(low, dtype), {0});
    top = b.unsqueeze(b.constant(high, dtype), {0});
  }
  Value place = b.binary("div", b.binary("sub", x, bottom), b.binary("sub", top, bottom));
  place = b.unary("floor", b.binary("mul", place, b.literal(static_cast<double>(bins), dtype)));
  place = b.binary("min", b.cast(place, DType::kI64), b.constant(bins - 1, DType::kI64));
  Value is_inside = b.binary("and", b.binary("ge", x, bottom), b.binary("le", x, top));
  place = b.select(is_inside, place, b.constant(std::int64_t{-1}, DType::kI64));
  call.result(counts(call, place, bins, call.result_dtype()));
}

// The most frequent item, the smallest of several, at its last place among the equal ones.
void lower_mode(Call& call) {
  Builder& b = call.builder();
  if (call.rank("self") == 0) throw Unsupported("the mode of a number");
  Value x = call.tensor("self");
  int axis = call.axis("dim", call.rank("self")), rank = b.rank(x);
  Value ordered = b.transpose(x, moved_axis(rank, axis, rank - 1));
  Dim size = b.shape(ordered).back();
  Value equal = b.binary("eq", b.unsqueeze(ordered, {rank}), b.unsqueeze(ordered, {rank - 1}));
  Value frequency = sum_over(b, b.cast(equal, DType::kI64), {{rank}, false});
  Value most = b.reduce("max_reduce", frequency, {rank - 1}, true);
  Value is_candidate = b.binary("eq", frequency, most);
  Value largest = b.reduce("max_reduce", ordered, {rank - 1}, true);
  Value mode = b.reduce("min_reduce", b.select(is_candidate, ordered, largest), {rank - 1}, true);
  bool keepdim = call.flag("keepdim");
  auto placed = [&](Value value) {
    std::vector<int> order = inverse_permutation(moved_axis(rank, axis, rank - 1));
    value = b.transpose(value, order);
    return keepdim ? value : b.squeeze(value, {axis});
  };
  if (call.wanted(0)) call.result(0, placed(mode));
  if (!call.wanted(1)) return;
  Value places = affine_range(call, size);
  Value last = b.select(b.binary("eq", ordered, mode), places, b.constant(std::int64_t{-1}, DType::kI64));
  call.result(1, placed(b.reduce("max_reduce", last, {rank - 1}, true)));
}

// --- covariances of rows ---

Value covariance(Call& call, Value x, double correction) {
  Builder& b = call.builder();
  Value deviation = b.binary("sub", x, mean_of(call, x, {{1}, true}));
  Value product = matrix_product(b, deviation, deviation, true);
  Dim columns = b.shape(x).at(1);
  double divisor = std::max(static_cast<double>(columns.value()) - correction, 0.0);
  return b.binary("div", product, b.literal(divisor, b.dtype(x)));
}

Value rows_of(Call& call) {
  Value x = call.tensor_as("self", call.result_dtype());
  if (call.rank("self") < 1) throw Unsupported("the covariance of a number");
  return call.rank("self") == 1 ? call.builder().unsqueeze(x, {0}) : x;
}

void lower_cov(Call& call) {
  if (call.has("fweights") || call.has("aweights")) throw Unsupported("a weighted covariance");
  Value y = covariance(call, rows_of(call), static_cast<double>(call.integer("correction")));
  call.result(reshape_to(call, y, call.result_shape()));
}

void lower_corrcoef(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (call.rank("self") == 1) throw Unsupported("the correlation of one row with itself");
  Value x = rows_of(call);
  Value product = covariance(call, x, 1);
  Value deviation = b.binary("sub", x, mean_of(call, x, {{1}, true}));
  Value variance = mean_of(call, b.binary("mul", deviation, deviation), {{1}, false}, 1);
  Value scale = b.unary("sqrt", variance);
  Value y = b.binary("div", product, b.unsqueeze(scale, {1}));
  y = b.binary("div", y, b.unsqueeze(scale, {0}));
  call.result(b.binary("max", b.binary("min", y, b.literal(1.0, dtype)), b.literal(-1.0, dtype)));
}

}  // namespace

void register_statistics(Registry& registry) {
  registry.add("aten::quantile", lower_quantile, "q must be a constant");
  registry.add("aten::nanquantile", lower_nanquantile, "q must be a constant");
  registry.add("aten::histc", lower_histc);
  registry.add("aten::mode", lower_mode);
  registry.add("aten::cov", lower_cov, "without weights");
  registry.add("aten::corrcoef", lower_corrcoef);
}

}  // namespace torch2nnef
