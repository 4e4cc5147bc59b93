// Fractional max pooling with given random numbers: windows of one size whose places follow from the numbers.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Where the windows begin along one axis, int64 [N, C, out]; `samples` is [N, C] in 0..1.
Value window_starts(Call& call, Value samples, std::int64_t in, std::int64_t out, std::int64_t window) {
  Builder& b = call.builder();
  DType dtype = b.dtype(samples);
  Value last = b.constant(in - window, DType::kI64);
  Shape shape = b.shape(samples);
  shape.push_back(out);
  if (out == 1) return filled(call, last, shape);
  double alpha = static_cast<double>(in - window) / static_cast<double>(out - 1);
  Value column = b.unsqueeze(samples, {2});
  auto floored = [&](Value x) { return b.cast(b.binary("mul", x, b.literal(alpha, dtype)), DType::kI64); };
  Value places = affine_range(call, out);
  Value starts = b.binary("sub", floored(b.binary("add", b.cast(places, dtype), column)), floored(column));
  return b.select(b.binary("eq", places, b.constant(out - 1, DType::kI64)), last, starts);
}

// Flat positions in a plane of all items of all windows, [N, C, out.., window..] in row-major order.
Value window_items(Call& call, const std::vector<Value>& starts, const std::vector<std::int64_t>& sizes,
                   const std::vector<std::int64_t>& windows) {
  Builder& b = call.builder();
  int axes = static_cast<int>(sizes.size());
  Value flat;
  for (int axis = 0; axis < axes; ++axis) {
    auto at = static_cast<std::size_t>(axis);
    Value start = starts[at], offset = affine_range(call, windows[at]);
    for (int i = 0; i < axis; ++i) start = b.unsqueeze(start, {2});
    while (b.rank(start) < 2 + 2 * axes) start = b.unsqueeze(start, {b.rank(start)});
    for (int i = axis + 1; i < axes; ++i) offset = b.unsqueeze(offset, {b.rank(offset)});
    Value place = b.binary("add", start, offset);
    if (flat) flat = b.binary("mul", flat, b.constant(sizes[at], DType::kI64));
    flat = flat ? b.binary("add", flat, place) : place;
  }
  return flat;
}

void lower_fractional_pool(Call& call, int axes) {
  Builder& b = call.builder();
  Value x = call.tensor("self"), samples = call.tensor("random_samples");
  bool has_batch = b.rank(x) == axes + 2;
  if (!has_batch) x = b.unsqueeze(x, {0});
  const Shape shape = b.shape(x);
  std::vector<std::int64_t> windows = call.integers("kernel_size"), outs = call.integers("output_size"), sizes;
  if (windows.size() == 1) windows.assign(static_cast<std::size_t>(axes), windows[0]);
  if (outs.size() == 1) outs.assign(static_cast<std::size_t>(axes), outs[0]);
  std::vector<Value> starts;
  std::int64_t cells = 1, items = 1, plane = 1;
  for (int axis = 0; axis < axes; ++axis) {
    auto at = static_cast<std::size_t>(axis);
    sizes.push_back(shape[at + 2].value());
    // The numbers of two axes come in the order width, height; those of three in the order of the axes.
    std::int64_t number = axes == 2 ? 1 - axis : axis;
    Value sample = b.squeeze(b.slice(samples, 2, number, number + 1), {2});
    starts.push_back(window_starts(call, sample, sizes[at], outs[at], windows[at]));
    cells *= outs[at];
    items *= windows[at];
    plane *= sizes[at];
  }
  Value places = window_items(call, starts, sizes, windows);
  Value flat_places = reshape_to(call, places, {shape[0], shape[1], cells * items});
  Value flat = reshape_to(call, x, {shape[0], shape[1], plane});
  Value taken = b.add("tract_core_gather_elements", {flat, flat_places}, {{"axis", 2}});
  taken = reshape_to(call, taken, {shape[0], shape[1], cells, items});
  if (call.wanted(0)) call.result(0, reshape_to(call, b.reduce("max_reduce", taken, {3}, false), call.result_shape(0)));
  if (!call.wanted(1)) return;
  Value best = b.reduce("argmax_reduce", taken, {3}, true);
  Value grouped = reshape_to(call, flat_places, {shape[0], shape[1], cells, items});
  Value index = b.add("tract_core_gather_elements", {grouped, best}, {{"axis", 3}});
  call.result(1, reshape_to(call, index, call.result_shape(1)));
}

}  // namespace

void register_fractional_pool(Registry& registry) {
  static constexpr char kLimits[] = "the random numbers must be given; static spatial sizes";
  registry.add(
      "aten::fractional_max_pool2d", [](Call& call) { lower_fractional_pool(call, 2); }, kLimits);
  registry.add(
      "aten::fractional_max_pool3d", [](Call& call) { lower_fractional_pool(call, 3); }, kLimits);
}

}  // namespace torch2nnef
