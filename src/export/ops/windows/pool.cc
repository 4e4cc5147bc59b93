// Max and average pools.

#include "export/ops/windows/pool.h"

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {

Pool read_pool(const Call& call, std::size_t spatial) {
  Pool pool;
  auto optional = [&](std::string_view name, std::int64_t fallback) {
    return call.has(name) ? per_axis(call, name, spatial, fallback) : std::vector<std::int64_t>(spatial, fallback);
  };
  pool.kernel = per_axis(call, "kernel_size", spatial, 1);
  pool.stride = call.has("stride") && !call.dims("stride").empty() ? per_axis(call, "stride", spatial, 1) : pool.kernel;
  pool.padding = optional("padding", 0);
  pool.dilation = optional("dilation", 1);
  pool.ceil_mode = call.has("ceil_mode") && call.flag("ceil_mode");
  return pool;
}

namespace {

// How many windows torch sees with ceil_mode: the last one may stick out, but not begin in the padding at the end.
Dim ceiling_windows(const Pool& pool, std::size_t axis, const Dim& size) {
  const Dim stride = pool.stride[axis];
  const Dim touching = ceil_div(size + 2 * pool.padding[axis] - pool.extent(axis), stride) + 1;
  // Strides that are not longer than that never leave a window behind the end.
  if (pool.stride[axis] + pool.padding[axis] <= pool.extent(axis)) return touching;
  return min(touching, ceil_div(size + pool.padding[axis], stride));
}

}  // namespace

std::vector<std::int64_t> ceiling_room(const Pool& pool, const Shape& sizes) {
  std::vector<std::int64_t> room(pool.spatial(), 0);
  for (std::size_t axis = 0; pool.ceil_mode && axis < room.size(); ++axis) {
    room[axis] = pool.stride[axis] - 1;
    if (!sizes[axis].is_constant()) continue;
    const std::int64_t windows = ceiling_windows(pool, axis, sizes[axis]).value();
    const std::int64_t used = (windows - 1) * pool.stride[axis] + pool.extent(axis);
    room[axis] = std::max<std::int64_t>(used - sizes[axis].value() - 2 * pool.padding[axis], 0);
  }
  return room;
}

Value without_surplus(Call& call, const Pool& pool, Value y, const Shape& sizes) {
  for (std::size_t axis = 0; pool.ceil_mode && axis < pool.spatial(); ++axis) {
    if (sizes[axis].is_constant() || pool.stride[axis] + pool.padding[axis] <= pool.extent(axis)) continue;
    y = call.builder().slice(y, static_cast<int>(axis) + 2, 0, ceiling_windows(pool, axis, sizes[axis]));
  }
  return y;
}

std::vector<nnef::NamedArgument> pool_attributes(const Pool& pool, const Padding& spatial_padding) {
  std::vector<std::int64_t> size{1, 1}, stride{1, 1}, dilation{1, 1};
  Padding padding(2);
  size.insert(size.end(), pool.kernel.begin(), pool.kernel.end());
  stride.insert(stride.end(), pool.stride.begin(), pool.stride.end());
  dilation.insert(dilation.end(), pool.dilation.begin(), pool.dilation.end());
  padding.insert(padding.end(), spatial_padding.begin(), spatial_padding.end());
  return {{"size", size}, {"border", "ignore"}, {"padding", padding}, {"stride", stride}, {"dilation", dilation}};
}

namespace {

// Padding on both sides and room at the end.
Padding padding_with_room(const Pool& pool, const std::vector<std::int64_t>& room) {
  Padding padding;
  for (std::size_t axis = 0; axis < pool.spatial(); ++axis) {
    padding.emplace_back(pool.padding[axis], pool.padding[axis] + room[axis]);
  }
  return padding;
}

void lower_max_pool(Call& call, std::size_t spatial) {
  Builder& b = call.builder();
  const Pool pool = read_pool(call, spatial);
  const Shape sizes = last_axes(call.shape("self"), spatial);
  if (is_empty(call.result_shape())) throw Unsupported("a pool of nothing");
  Planes planes(call, call.tensor("self"), spatial);
  const std::vector<std::int64_t> room = ceiling_room(pool, sizes);
  Padding padding = padding_with_room(pool, room);
  for (std::size_t axis = 0; axis < spatial; ++axis) {
    drop_unreached(padding[axis], sizes[axis], pool.extent(axis), pool.stride[axis]);
  }
  const auto attributes = pool_attributes(pool, padding);
  if (!call.wanted(1)) {
    Value y = b.add("max_pool", {planes.value()}, attributes);
    return call.result(planes.restored(without_surplus(call, pool, y, sizes)));
  }
  std::vector<Value> both = b.add_multi("max_pool_with_index", {planes.value()}, attributes);
  for (std::size_t i = 0; i < both.size(); ++i) {
    if (call.wanted(i)) call.result(i, planes.restored(without_surplus(call, pool, both[i], sizes)));
  }
}

// Zeros that count are written out. What is outside of them, behind a last window that sticks out, never counts.
Value average(Call& call, const Pool& pool, Value x, const std::vector<std::int64_t>& room, bool zeros_count) {
  Padding around, ignored;
  for (std::size_t axis = 0; axis < pool.spatial(); ++axis) {
    const Dim amount = pool.padding[axis];
    around.emplace_back(zeros_count ? amount : 0, zeros_count ? amount : 0);
    ignored.emplace_back(zeros_count ? 0 : amount, (zeros_count ? 0 : amount) + room[axis]);
  }
  return call.builder().add("avg_pool", {pad_with_zeros(call, x, around)}, pool_attributes(pool, ignored));
}

// The sum of each window over a given number: with every zero written out, the average over the whole window is that
// sum over the window's size.
Value sum_over(Call& call, const Pool& pool, Value x, const std::vector<std::int64_t>& room, std::int64_t divisor) {
  Builder& b = call.builder();
  if (divisor == 0) throw Unsupported("divisor_override is 0");
  std::int64_t size = 1;
  for (std::int64_t kernel : pool.kernel) size *= kernel;
  Value padded = pad_with_zeros(call, x, padding_with_room(pool, room));
  Value y = b.add("avg_pool", {padded}, pool_attributes(pool, Padding(pool.spatial())));
  if (size == divisor) return y;
  return b.binary("mul", y, static_cast<double>(size) / static_cast<double>(divisor));
}

void lower_average_pool(Call& call, std::size_t spatial) {
  Builder& b = call.builder();
  if (!nnef::is_float(call.result_dtype())) throw Unsupported("an average pool of integers");
  if (is_empty(call.result_shape())) throw Unsupported("a pool of nothing");
  const Pool pool = read_pool(call, spatial);
  const Shape sizes = last_axes(call.shape("self"), spatial);
  Planes planes(call, call.tensor_as("self", window_dtype(call.result_dtype())), spatial);
  const std::vector<std::int64_t> room = ceiling_room(pool, sizes);
  Value y = call.has("divisor_override") ? sum_over(call, pool, planes.value(), room, call.integer("divisor_override"))
                                         : average(call, pool, planes.value(), room, call.flag("count_include_pad"));
  call.result(b.cast(planes.restored(without_surplus(call, pool, y, sizes)), call.result_dtype()));
}

}  // namespace

void register_pool(Registry& registry) {
  for (std::size_t spatial = 1; spatial <= 3; ++spatial) {
    const std::string d = std::to_string(spatial) + "d";
    const std::string quantised = spatial < 3 ? " aten::quantized_max_pool" + d : "";
    // T-NAN-MAX-POOL, T-INF-MAX-POOL
    registry.add(
        "aten::max_pool" + d + " aten::max_pool" + d + "_with_indices aten::mkldnn_max_pool" + d + quantised,
        [spatial](Call& call) { lower_max_pool(call, spatial); },
        "NaN is dropped, and a window of -inf alone gives the least finite number: the engine's maximum");
    registry.add("aten::avg_pool" + d, [spatial](Call& call) { lower_average_pool(call, spatial); });
  }
}

}  // namespace torch2nnef
