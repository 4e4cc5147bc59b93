// Adaptive pools: item i of n covers the places from floor(i * L / n) to ceil((i + 1) * L / n) of an axis of length L.

#include <algorithm>

#include "export/ops/resampling/axis_map.h"
#include "export/ops/shape/shape_util.h"
#include "export/ops/windows/adaptive_symbolic.h"
#include "export/ops/windows/pool.h"

namespace torch2nnef {
namespace {

struct Range {
  std::int64_t begin, end;
};

std::vector<Range> ranges(std::int64_t length, std::int64_t count) {
  std::vector<Range> result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back({i * length / count, ((i + 1) * length + count - 1) / count});
  }
  return result;
}

// The pool that does the same, if the ranges are equally long and equally far apart on every axis.
std::optional<Pool> as_pool(const Shape& sizes, const Shape& results) {
  Pool pool;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (!sizes[axis].is_constant() || !results[axis].is_constant()) return std::nullopt;
    const std::vector<Range> all = ranges(sizes[axis].value(), results[axis].value());
    const std::int64_t kernel = all[0].end, stride = all.size() > 1 ? all[1].begin : kernel;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::int64_t begin = static_cast<std::int64_t>(i) * stride;
      if (stride < 1 || all[i].begin != begin || all[i].end != begin + kernel) return std::nullopt;
    }
    if (kernel + stride * static_cast<std::int64_t>(all.size() - 1) != sizes[axis].value()) return std::nullopt;
    pool.kernel.push_back(kernel);
    pool.stride.push_back(stride);
  }
  pool.padding.assign(sizes.size(), 0);
  pool.dilation.assign(sizes.size(), 1);
  return pool;
}

// One axis by a reduction over parts of it, where it is a multiple of the result or the result is one item.
std::optional<Value> reduce_parts(Call& call, Value x, int axis, const Dim& count, const char* op) {
  Builder& b = call.builder();
  const std::size_t place = static_cast<std::size_t>(axis);
  Shape shape = b.shape(x);
  if (shape[place] == count) return x;
  if (count == Dim(1)) return b.reduce(op, x, {axis}, true);
  const std::optional<Dim> part = nnef::exact_div(shape[place], count);
  if (!part) return std::nullopt;
  shape[place] = count;
  shape.insert(shape.begin() + axis + 1, *part);
  return b.reduce(op, b.reshape(x, shape), {axis + 1}, false);
}

Value average_along(Call& call, Value x, int axis, const Dim& count) {
  const Dim length = call.builder().shape(x)[static_cast<std::size_t>(axis)];
  if (std::optional<Value> y = reduce_parts(call, x, axis, count, "mean_reduce")) return *y;
  if (!length.is_constant() || !count.is_constant()) return symbolic_average_along(call, x, axis, count);
  AxisMap map{length.value(), {}};
  for (const Range& range : ranges(length.value(), count.value())) {
    Taps& taps = map.outputs.emplace_back();
    const double share = 1.0 / static_cast<double>(range.end - range.begin);
    for (std::int64_t i = range.begin; i < range.end; ++i) taps.emplace_back(i, share);
  }
  return map_along(call, x, axis, "average", map);
}

// The places that each range covers, as many for each: the last one again where a range is shorter.
std::vector<std::int64_t> padded_places(std::int64_t length, std::int64_t count, std::int64_t* longest) {
  const std::vector<Range> all = ranges(length, count);
  *longest = 0;
  for (const Range& range : all) *longest = std::max(*longest, range.end - range.begin);
  std::vector<std::int64_t> places;
  for (const Range& range : all) {
    for (std::int64_t i = 0; i < *longest; ++i) places.push_back(std::min(range.begin + i, range.end - 1));
  }
  return places;
}

Value maximum_along(Call& call, Value x, int axis, const Dim& count) {
  Builder& b = call.builder();
  if (std::optional<Value> y = reduce_parts(call, x, axis, count, "max_reduce")) return *y;
  Shape shape = b.shape(x);
  Dim& length = shape[static_cast<std::size_t>(axis)];
  if (!length.is_constant() || !count.is_constant()) return symbolic_maximum_along(call, x, axis, count);
  std::int64_t longest = 0;
  x = read_along(call, x, axis, "places", padded_places(length.value(), count.value(), &longest));
  length = count;
  shape.insert(shape.begin() + axis + 1, longest);
  return b.reduce("max_reduce", b.reshape(x, shape), {axis + 1}, false);
}

// The windows side by side as the last axis of [..., results..., window], and the place in its plane of each of their
// items, in torch's order.
struct Windows {
  Value items;
  std::vector<std::int64_t> places;
  std::int64_t count = 1, size = 1;
};

Windows side_by_side(Call& call, Value x, const Shape& sizes, const Shape& results) {
  Builder& b = call.builder();
  const std::size_t spatial = sizes.size(), lead = b.shape(x).size() - spatial;
  const Shape shape = b.shape(x);
  Windows windows;
  Shape split(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(lead)), merged = split;
  std::vector<int> order, inner;
  for (std::size_t i = 0; i < lead; ++i) order.push_back(static_cast<int>(i));
  // Places in the plane, built up axis by axis: [windows so far][items so far].
  std::vector<std::vector<std::int64_t>> planes{{0}};
  for (std::size_t axis = 0; axis < spatial; ++axis) {
    std::int64_t longest = 0;
    const std::vector<std::int64_t> places = padded_places(sizes[axis].value(), results[axis].value(), &longest);
    x = read_along(call, x, static_cast<int>(lead + axis), "places", places);
    split.insert(split.end(), {results[axis], longest});
    merged.push_back(results[axis]);
    order.push_back(static_cast<int>(lead + 2 * axis));
    inner.push_back(static_cast<int>(lead + 2 * axis + 1));
    std::vector<std::vector<std::int64_t>> next;
    for (const std::vector<std::int64_t>& plane : planes) {
      for (std::size_t window = 0; window < places.size(); window += static_cast<std::size_t>(longest)) {
        std::vector<std::int64_t>& items = next.emplace_back();
        for (std::int64_t base : plane) {
          for (std::int64_t i = 0; i < longest; ++i) {
            items.push_back(base * sizes[axis].value() + places[window + static_cast<std::size_t>(i)]);
          }
        }
      }
    }
    planes = std::move(next);
    windows.size *= longest;
  }
  order.insert(order.end(), inner.begin(), inner.end());
  merged.push_back(windows.size);
  windows.count = static_cast<std::int64_t>(planes.size());
  for (const std::vector<std::int64_t>& plane : planes) {
    windows.places.insert(windows.places.end(), plane.begin(), plane.end());
  }
  windows.items = b.reshape(b.transpose(b.reshape(x, split), order), merged);
  return windows;
}

// Where each maximum is in its plane. Repeated items stand behind the first of them, so that the first of equal items
// is torch's.
Value maximum_places(Call& call, Value x, const Shape& sizes, const Shape& results) {
  Builder& b = call.builder();
  const auto is_constant = [](const Dim& dim) { return dim.is_constant(); };
  if (!std::all_of(sizes.begin(), sizes.end(), is_constant) ||
      !std::all_of(results.begin(), results.end(), is_constant)) {
    return symbolic_maximum_places(call, x, sizes, results);
  }
  const Windows windows = side_by_side(call, x, sizes, results);
  const int last = b.rank(windows.items) - 1;
  Value in_window = b.reduce("argmax_reduce", windows.items, {last}, false);
  std::vector<std::int64_t> starts, shape;
  for (std::int64_t i = 0; i < windows.count; ++i) starts.push_back(i * windows.size);
  for (const Dim& dim : results) shape.push_back(dim.value());
  Value place = b.binary("add", in_window, index_variable(call, "window_starts", starts, shape));
  Value table = index_variable(call, "window_places", windows.places, {windows.count * windows.size});
  return b.add("tract_core_gather", {table, place}, {{"axis", 0}});
}

bool is_one_item(const Shape& results) {
  return std::all_of(results.begin(), results.end(), [](const Dim& dim) { return dim == Dim(1); });
}

std::vector<int> spatial_axes(int rank, std::size_t spatial) {
  std::vector<int> axes;
  for (int axis = rank - static_cast<int>(spatial); axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

void lower_adaptive_average(Call& call, std::size_t spatial) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const Shape sizes = last_axes(call.shape("self"), spatial), results = last_axes(call.result_shape(), spatial);
  if (!nnef::is_float(call.result_dtype())) throw Unsupported("an adaptive average of integers");
  Value x = call.tensor_as("self", window_dtype(call.result_dtype()));
  const std::optional<Pool> pool = sizes == results ? std::nullopt : as_pool(sizes, results);
  if (is_one_item(results)) {
    x = b.reduce("mean_reduce", x, spatial_axes(b.rank(x), spatial), true);
  } else if (pool) {
    Planes planes(call, x, spatial);
    x = planes.restored(b.add("avg_pool", {planes.value()}, pool_attributes(*pool, Padding(spatial))));
  } else {
    for (int axis = b.rank(x) - 1, i = static_cast<int>(spatial) - 1; i >= 0; --axis, --i) {
      x = average_along(call, x, axis, results[static_cast<std::size_t>(i)]);
    }
  }
  call.result(b.cast(x, call.result_dtype()));
}

void lower_adaptive_maximum(Call& call, std::size_t spatial) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) throw Unsupported("a pool of nothing");
  const Shape sizes = last_axes(call.shape("self"), spatial), results = last_axes(call.result_shape(), spatial);
  Value x = call.tensor("self");
  if (call.wanted(1)) call.result(1, maximum_places(call, x, sizes, results));
  if (!call.wanted(0)) return;
  if (is_one_item(results)) return call.result(b.reduce("max_reduce", x, spatial_axes(b.rank(x), spatial), true));
  const std::optional<Pool> pool = sizes == results ? std::nullopt : as_pool(sizes, results);
  if (pool) {
    Planes planes(call, x, spatial);
    return call.result(planes.restored(b.add("max_pool", {planes.value()}, pool_attributes(*pool, Padding(spatial)))));
  }
  for (int axis = b.rank(x) - 1, i = static_cast<int>(spatial) - 1; i >= 0; --axis, --i) {
    x = maximum_along(call, x, axis, results[static_cast<std::size_t>(i)]);
  }
  call.result(x);
}

}  // namespace

void register_adaptive_pool(Registry& registry) {
  for (std::size_t spatial = 1; spatial <= 3; ++spatial) {
    const std::string d = std::to_string(spatial) + "d";
    const std::string average = "adaptive_avg_pool" + d;
    registry.add("aten::" + average + " aten::_" + average + " aten::mkldnn_" + average,
                 [spatial](Call& call) { lower_adaptive_average(call, spatial); });
    registry.add("aten::adaptive_max_pool" + d, [spatial](Call& call) { lower_adaptive_maximum(call, spatial); });
  }
}

}  // namespace torch2nnef
