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

// A gather of as many places for each range as the longest can have; a shorter one has its last place again.
Value symbolic_maximum_along(Call& call, Value x, int axis, const Dim& count) {
  refuse_slow_axis(call.builder().shape(x).at(static_cast<std::size_t>(axis)));
  Builder& b = call.builder();
  Shape shape = b.shape(x);
  Dim& length = shape[static_cast<std::size_t>(axis)];
  const Dim longest = floor_div(length, count) + 2;
  const Ranges all = ranges(call, length, count);
  Value inside = b.unsqueeze(affine_range(call, longest), {0});
  Value last = b.unsqueeze(b.binary("sub", all.end, Argument(1)), {1});
  Value places = b.binary("min", b.binary("add", b.unsqueeze(all.begin, {1}), inside), last);
  Value y = b.add("tract_core_gather", {x, b.reshape(places, {count * longest})}, {{"axis", axis}});
  length = count;
  shape.insert(shape.begin() + axis + 1, longest);
  return b.reduce("max_reduce", b.reshape(y, shape), {axis + 1}, false);
}

}  // namespace torch2nnef
