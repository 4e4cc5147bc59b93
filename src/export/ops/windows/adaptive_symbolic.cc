#include "export/ops/windows/adaptive_symbolic.h"

#include "export/ops/resampling/axis_map.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// int64 [count]: the first place of each range, and the one behind its last.
struct Ranges {
  Value begin, end;
};

Ranges ranges(Call& call, const Dim& length, const Dim& count) {
  Builder& b = call.builder();
  Value whole = call.dim_tensor(length), parts = call.dim_tensor(count);
  auto quotient = [&](const Dim& first, const Dim& more) {
    Value product = b.binary("mul", affine_range(call, count, 1, first), whole);
    if (more != Dim(0)) product = b.binary("add", product, call.dim_tensor(more));
    return b.binary("div", product, parts);
  };
  return {quotient(0, 0), quotient(1, count - 1)};
}

// tract 0.23.9 does not come to an end with ranges over a length such as W-(31*W)/32, which it takes apart again and
// again.
void refuse_slow_axis(const Dim& length) {
  const std::string text = length.to_string();
  std::size_t open = text.find('('), product = open == std::string::npos ? open : text.find('*', open);
  if (product == std::string::npos || text.find(")/", product) == std::string::npos) return;
  throw Unsupported("an adaptive pool along an axis of length " + text + ", with which tract takes minutes",
                    "make the axis static, or bound it to multiples of what the network divides it by");
}

// An axis as [count, longest]: the places of each range, as many as the longest can have; a shorter one has its last
// place again.
struct Parts {
  Value items;
  Value begin, last;  // int64 [count]
  Dim longest;
};

Parts side_by_side(Call& call, Value x, int axis, const Dim& count) {
  Builder& b = call.builder();
  Shape shape = b.shape(x);
  Dim& length = shape[static_cast<std::size_t>(axis)];
  refuse_slow_axis(length);
  const Ranges all = ranges(call, length, count);
  Parts parts{{}, all.begin, b.binary("sub", all.end, Argument(1)), floor_div(length, count) + 2};
  const Value inside = b.unsqueeze(affine_range(call, parts.longest), {0});
  const Value last = b.unsqueeze(parts.last, {1});
  const Value places = b.binary("min", b.binary("add", b.unsqueeze(all.begin, {1}), inside), last);
  const Value y = b.add("tract_core_gather", {x, b.reshape(places, {count * parts.longest})}, {{"axis", axis}});
  length = count;
  shape.insert(shape.begin() + axis + 1, parts.longest);
  parts.items = b.reshape(y, shape);
  return parts;
}

}  // namespace

// A product with a matrix that has the share of each place in each item.
Value symbolic_average_along(Call& call, Value x, int axis, const Dim& count) {
  refuse_slow_axis(call.builder().shape(x).at(static_cast<std::size_t>(axis)));
  Builder& b = call.builder();
  const Dim length = b.shape(x)[static_cast<std::size_t>(axis)];
  const Ranges all = ranges(call, length, count);
  Value places = b.unsqueeze(affine_range(call, length), {1});
  Value begin = b.unsqueeze(all.begin, {0}), end = b.unsqueeze(all.end, {0});
  Value inside = b.binary("and", b.binary("ge", places, begin), b.binary("lt", places, end));
  Value sizes = b.cast(b.binary("sub", end, begin), b.dtype(x));
  return product_along(call, x, axis, b.binary("div", b.cast(inside, b.dtype(x)), sizes));
}

Value symbolic_maximum_along(Call& call, Value x, int axis, const Dim& count) {
  const Parts parts = side_by_side(call, x, axis, count);
  return call.builder().reduce("max_reduce", parts.items, {axis + 1}, false);
}

Value symbolic_maximum_places(Call& call, Value x, const Shape& sizes, const Shape& results) {
  Builder& b = call.builder();
  const int spatial = static_cast<int>(sizes.size()), lead = b.rank(x) - spatial;
  // From the last axis on, so that the others keep their places: [.., H', h, W', w].
  std::vector<Parts> parts(sizes.size());
  for (int axis = spatial - 1; axis >= 0; --axis) {
    const std::size_t place = static_cast<std::size_t>(axis);
    parts[place] = side_by_side(call, x, lead + axis, results[place]);
    x = parts[place].items;
  }
  std::vector<int> order;
  for (int axis = 0; axis < lead; ++axis) order.push_back(axis);
  for (int axis = 0; axis < spatial; ++axis) order.push_back(lead + 2 * axis);
  for (int axis = 0; axis < spatial; ++axis) order.push_back(lead + 2 * axis + 1);
  Shape merged = b.shape(x);
  merged.resize(static_cast<std::size_t>(lead));
  merged.insert(merged.end(), results.begin(), results.end());
  Dim window = 1;
  for (const Parts& part : parts) window = window * part.longest;
  merged.push_back(window);
  const Value windows = b.reshape(b.transpose(x, order), merged);
  Value rest = b.reduce("argmax_reduce", windows, {lead + spatial}, false), sum;
  Dim stride = 1;
  for (int axis = spatial - 1; axis >= 0; --axis) {
    const Parts& part = parts[static_cast<std::size_t>(axis)];
    Value inside = rest;
    if (axis > 0) {
      const Value longest = call.dim_tensor(part.longest), before = b.binary("div", rest, longest);
      inside = b.binary("sub", rest, b.binary("mul", before, longest));
      rest = before;
    }
    std::vector<int> after;
    for (int i = axis + 1; i < spatial; ++i) after.push_back(i - axis);
    const Value begin = b.unsqueeze(part.begin, after), last = b.unsqueeze(part.last, after);
    Value place = b.binary("min", b.binary("add", inside, begin), last);
    if (stride != Dim(1)) place = b.binary("mul", place, call.dim_tensor(stride));
    sum = sum ? b.binary("add", sum, place) : place;
    stride = stride * sizes[static_cast<std::size_t>(axis)];
  }
  return sum;
}

}  // namespace torch2nnef
