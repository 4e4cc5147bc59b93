// Orders: topk, sort, medians, differences, places in sorted sequences.
//
// The engine's topk is stable and drops no item, but its order is undefined where NaN stand; torch puts them last
// (T-NAN-TOPK).

#include "export/ops/reduction/sort.h"

#include <limits>
#include <tuple>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// All items in order, along an axis of symbolic length. The engine counts it at run time and has forgotten that it is
// the length of the axis: the slice says it again (T-TOPK-SIZE).
Sorted sort_symbolic(Call& call, Value x, int axis, bool is_descending) {
  Builder& b = call.builder();
  const Dim size = b.shape(x).at(static_cast<std::size_t>(axis));
  std::vector<Value> results =
      b.add_multi("tract_core_topk", {x, call.dim_tensor(size)}, {{"axis", axis}, {"largest", is_descending}});
  for (Value& result : results) {
    result = b.add(
        "slice", {result},
        {{"axes", std::vector<std::int64_t>{axis}}, {"begin", std::vector<Dim>{0}}, {"end", std::vector<Dim>{size}}});
  }
  return {results.at(0), results.at(1)};
}

// The first `count` items of the order along an axis. Booleans are sorted as bytes (T-TOPK-BOOL).
Sorted take_sorted(Call& call, Value x, int axis, const Dim& count, bool is_descending) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  if (b.rank(x) == 0) return {x, b.constant(std::int64_t{0}, DType::kI64)};
  if (count == Dim(0)) throw Unsupported("a sort of no items");
  if (dtype == DType::kBool) x = b.cast(x, DType::kU8);
  if (!count.is_constant()) {
    const Sorted all = sort_symbolic(call, x, axis, is_descending);
    return {b.cast(b.slice(all.values, axis, 0, count), dtype), b.slice(all.indices, axis, 0, count)};
  }
  std::vector<Value> results =
      b.add_multi("tract_core_topk", {x, Argument(count)}, {{"axis", axis}, {"largest", is_descending}});
  return {b.cast(results.at(0), dtype), results.at(1)};
}

}  // namespace

Sorted sort_all(Call& call, Value x, int axis, bool is_descending) {
  const Shape shape = call.builder().shape(x);
  return take_sorted(call, x, axis, shape.empty() ? Dim(1) : shape[static_cast<std::size_t>(axis)], is_descending);
}

namespace {

void set_results(Call& call, const Sorted& sorted) {
  if (call.wanted(0)) call.result(0, sorted.values);
  if (call.wanted(1)) call.result(1, sorted.indices);
}

void lower_topk(Call& call) {
  Dim count = call.dim("k");
  int axis = call.axis("dim", call.rank("self"));
  if (count == Dim(0)) {
    // Different numbers of nothing, since the engine cannot hand out one value as two results.
    for (std::size_t i = 0; i < 2; ++i) {
      Value number = constant_of(call, static_cast<double>(i), call.result_dtype(i));
      if (call.wanted(i)) call.result(i, filled(call, number, call.result_shape(i)));
    }
    return;
  }
  set_results(call, take_sorted(call, call.tensor("self"), axis, count, call.flag("largest")));
}

void lower_sort(Call& call) {
  set_results(call, sort_all(call, call.tensor("self"), call.axis("dim", call.rank("self")), call.flag("descending")));
}

void lower_argsort(Call& call) {
  int axis = call.axis("dim", call.rank("self"));
  call.result(sort_all(call, call.tensor("self"), axis, call.flag("descending")).indices);
}

void lower_msort(Call& call) { call.result(sort_all(call, call.tensor("self"), 0, false).values); }

// Item `place` of the ascending order along an axis.
Sorted nth_smallest(Call& call, Value x, int axis, const Dim& place, bool keepdim) {
  Builder& b = call.builder();
  Sorted sorted = take_sorted(call, x, axis, place + 1, false);
  if (b.rank(x) == 0) return sorted;
  for (Value* value : {&sorted.values, &sorted.indices}) {
    *value = b.slice(*value, axis, place, place + 1);
    if (!keepdim) *value = b.squeeze(*value, {axis});
  }
  return sorted;
}

void lower_kthvalue(Call& call) {
  int axis = call.axis("dim", call.rank("self"));
  set_results(call, nth_smallest(call, call.tensor("self"), axis, Dim(call.integer("k") - 1), call.flag("keepdim")));
}

// The axis of a median, and the tensor that it runs over: everything as one axis when there is no `dim`.
struct MedianInput {
  Value x;
  int axis = 0;
  Dim size = 1;
  bool keepdim = false;
};

MedianInput median_input(Call& call) {
  MedianInput input{call.tensor("self"), 0, 1, false};
  if (call.has("dim")) {
    input.axis = call.axis("dim", call.rank("self"));
    input.keepdim = call.flag("keepdim");
  } else {
    input.x = reshape_to(call, input.x, {nnef::volume(call.shape("self"))});
  }
  const Shape& shape = call.builder().shape(input.x);
  if (!shape.empty()) input.size = shape[static_cast<std::size_t>(input.axis)];
  if (input.size == Dim(0)) throw Unsupported("the median of nothing");
  return input;
}

// The lower of the two in the middle; NaN as soon as one item is.
void lower_median(Call& call) {
  Builder& b = call.builder();
  MedianInput input = median_input(call);
  Sorted median = nth_smallest(call, input.x, input.axis, floor_div(input.size - 1, 2), input.keepdim);
  DType dtype = b.dtype(input.x);
  if (nnef::is_float(dtype) && b.rank(input.x) > 0) {
    Value is_nan = b.cast(b.binary("ne", input.x, input.x), DType::kI64);
    Value any = b.cast(b.reduce("max_reduce", is_nan, {input.axis}, input.keepdim), DType::kBool);
    median.values = b.select(any, b.literal(std::numeric_limits<double>::quiet_NaN(), dtype), median.values);
  }
  set_results(call, median);
}

// NaN go last as infinities; the place of the median depends on how many items are left.
void lower_nanmedian(Call& call) {
  Builder& b = call.builder();
  MedianInput input = median_input(call);
  DType dtype = b.dtype(input.x);
  if (!nnef::is_float(dtype) || b.rank(input.x) == 0) {
    return set_results(call, nth_smallest(call, input.x, input.axis, floor_div(input.size - 1, 2), input.keepdim));
  }
  Value is_nan = b.binary("ne", input.x, input.x);
  Value filled_up = b.select(is_nan, b.literal(std::numeric_limits<double>::infinity(), dtype), input.x);
  Sorted sorted = sort_all(call, filled_up, input.axis, false);
  Value one = b.constant(std::int64_t{1}, DType::kI64), zero = b.constant(std::int64_t{0}, DType::kI64);
  Value present = b.cast(b.unary("not", is_nan), DType::kI64);
  Value count = b.reduce("sum_reduce", present, {input.axis}, true);
  Value last = b.binary("max", b.binary("sub", count, one), zero);
  Value place = b.binary("div", last, b.constant(std::int64_t{2}, DType::kI64));
  for (Value* value : {&sorted.values, &sorted.indices}) {
    *value = b.add("tract_core_gather_elements", {*value, place}, {{"axis", input.axis}});
  }
  Value is_missing = b.binary("eq", count, zero);
  sorted.values = b.select(is_missing, b.literal(std::numeric_limits<double>::quiet_NaN(), dtype), sorted.values);
  if (!input.keepdim) {
    for (Value* value : {&sorted.values, &sorted.indices}) *value = b.squeeze(*value, {input.axis});
  }
  set_results(call, sorted);
}

void lower_diff(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", call.rank("self"));
  DType dtype = call.result_dtype();
  std::vector<Value> parts;
  if (call.has("prepend")) parts.push_back(call.tensor_as("prepend", dtype));
  parts.push_back(call.tensor_as("self", dtype));
  if (call.has("append")) parts.push_back(call.tensor_as("append", dtype));
  Value x = parts.size() == 1 ? parts[0] : b.concat(parts, axis);
  if (is_empty(call.result_shape())) return call.result(zeros(call, dtype, call.result_shape()));
  for (std::int64_t i = 0; i < call.integer("n"); ++i) {
    Dim size = b.shape(x).at(static_cast<std::size_t>(axis));
    Value next = b.slice(x, axis, 1, size), previous = b.slice(x, axis, 0, size - 1);
    x = b.binary(dtype == DType::kBool ? "tract_core_xor" : "sub", next, previous);
  }
  call.result(x);
}

// The steps of a binary search, written out: `begin` and `end` close in on the first boundary that is not below the
// value, or above it when `right`. As in torch, NaN are behind all, and boundaries out of order give what the search
// meets. boundaries [.., N], values [.., M], N static.
Value search(Call& call, Value boundaries, Value values, bool is_right) {
  Builder& b = call.builder();
  int axis = b.rank(values) - 1;
  std::int64_t count = b.shape(boundaries).back().value();
  Value one = b.constant(std::int64_t{1}, DType::kI64), last = b.constant(count - 1, DType::kI64);
  Value begin = zeros(call, DType::kI64, b.shape(values));
  Value end = filled(call, b.constant(count, DType::kI64), b.shape(values));
  for (std::int64_t left = count; left > 0; left /= 2) {
    Value middle = b.binary("div", b.binary("add", begin, end), b.constant(std::int64_t{2}, DType::kI64));
    Value place = b.binary("min", middle, last);
    Value item = b.rank(boundaries) == 1 ? b.add("tract_core_gather", {boundaries, place}, {{"axis", 0}})
                                         : b.add("tract_core_gather_elements", {boundaries, place}, {{"axis", axis}});
    Value is_reached = b.binary(is_right ? "gt" : "ge", item, values);
    Value is_open = b.binary("lt", begin, end);
    end = b.select(b.binary("and", is_open, is_reached), middle, end);
    Value is_behind = b.binary("and", is_open, b.unary("not", is_reached));
    begin = b.select(is_behind, b.binary("add", middle, one), begin);
  }
  return begin;
}

void place_values(Call& call, Value boundaries, Value values) {
  Builder& b = call.builder();
  bool is_right = call.flag("right") || (call.has("side") && call.text("side") == "right");
  if (b.dtype(boundaries) != b.dtype(values)) {
    DType wide = nnef::is_float(b.dtype(boundaries)) || nnef::is_float(b.dtype(values)) ? DType::kF64 : DType::kI64;
    std::tie(boundaries, values) = std::pair(b.cast(boundaries, wide), b.cast(values, wide));
  }
  Value count;
  if (is_empty(b.shape(boundaries)) || is_empty(b.shape(values))) {
    count = zeros(call, DType::kI64, call.result_shape());
  } else if (b.shape(boundaries).back().is_constant()) {
    if (b.rank(values) == 0) values = b.unsqueeze(values, {0});
    count = search(call, boundaries, values, is_right);
  } else {
    throw Unsupported("boundaries of a dynamic length", "make that axis static");
  }
  call.result(b.cast(reshape_to(call, count, call.result_shape()), call.result_dtype()));
}

Value values_to_place(Call& call, Value boundaries) {
  bool is_number = !call.tape_call().find("self")->value();
  return is_number ? scalar_value(call, "self", call.builder().dtype(boundaries)) : call.tensor("self");
}

void lower_bucketize(Call& call) {
  Value boundaries = call.tensor("boundaries");
  place_values(call, boundaries, values_to_place(call, boundaries));
}

void lower_searchsorted(Call& call) {
  Builder& b = call.builder();
  Value boundaries = call.tensor("sorted_sequence");
  if (call.has("sorter")) {
    boundaries = b.add("tract_core_gather_elements", {boundaries, call.tensor_as("sorter", DType::kI64)},
                       {{"axis", b.rank(boundaries) - 1}});
  }
  place_values(call, boundaries, values_to_place(call, boundaries));
}

// The first `size` places where an item is not 0, row-major: [size, rank], filled up with fill_value. The engine's topk
// is stable, so that the places that hold come first, in their order.
void lower_nonzero_static(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, DType::kI64, call.result_shape()));
  const Shape& shape = call.shape("self");
  const Dim size = call.dim("size"), items = nnef::volume(shape);
  const bool may_lack_items = !items.is_constant() || !size.is_constant() || items.value() < size.value();
  const auto row_of = [&](Value x) {
    x = reshape_to(call, x, {items});
    return may_lack_items ? b.concat({x, zeros(call, b.dtype(x), {size})}, 0) : x;
  };
  Value holds = call.tensor("self");
  if (b.dtype(holds) != DType::kBool) holds = b.binary("ne", holds, b.literal(0.0, b.dtype(holds)));
  const Sorted first = take_sorted(call, row_of(b.cast(holds, DType::kU8)), 0, size, true);
  std::vector<Value> columns;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    Value places = placed_row(b, affine_range(call, shape[axis]), shape.size() - 1 - axis);
    places = row_of(b.broadcast_to(places, shape));
    places = b.add("tract_core_gather", {places, first.indices}, {{"axis", 0}});
    columns.push_back(b.unsqueeze(places, {1}));
  }
  const Value is_place = b.broadcast_to(b.unsqueeze(b.cast(first.values, DType::kBool), {1}), call.result_shape());
  call.result(b.select(is_place, b.concat(columns, 1), scalar_value(call, "fill_value", DType::kI64)));
}

}  // namespace

void register_sort(Registry& registry) {
  static constexpr char kLimits[] = "the axis must be static; the order of NaN is undefined";
  registry.add("aten::topk", lower_topk, kLimits);
  registry.add("aten::sort", lower_sort, kLimits);
  registry.add("aten::argsort", lower_argsort, kLimits);
  registry.add("aten::msort", lower_msort, kLimits);
  registry.add("aten::kthvalue", lower_kthvalue, kLimits);
  registry.add("aten::median", lower_median);
  registry.add("aten::nanmedian", lower_nanmedian);
  registry.add("aten::diff", lower_diff);
  registry.add("aten::nonzero_static", lower_nonzero_static);
  static constexpr char kOrder[] = "boundaries of symbolic number must be in order";
  registry.add("aten::bucketize", lower_bucketize, kOrder);
  registry.add("aten::searchsorted", lower_searchsorted, kOrder);
}

}  // namespace torch2nnef
