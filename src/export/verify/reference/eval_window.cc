// Sliding windows: convolutions, their transposes, boxes and pools.

#include <algorithm>
#include <cmath>
#include <limits>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

using Sizes = std::vector<std::int64_t>;
using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

// Attributes over the spatial axes only.
struct Window {
  Sizes size, stride, dilation;
  Pairs padding;

  std::size_t rank() const { return stride.size(); }
  std::int64_t extent(std::size_t i) const { return (size[i] - 1) * dilation[i] + 1; }
  bool is_symmetric() const {
    return std::all_of(padding.begin(), padding.end(), [](const auto& pair) { return pair.first == pair.second; });
  }
  bool is_dense() const {
    return std::all_of(dilation.begin(), dilation.end(), [](std::int64_t step) { return step == 1; });
  }
  // The padding on either side.
  Sizes before() const {
    Sizes sizes;
    for (const auto& pair : padding) sizes.push_back(pair.first);
    return sizes;
  }
};

Sizes ones_or(Sizes given, std::size_t count) {
  if (given.empty()) given.assign(count, 1);
  return given;
}

at::Tensor padded(const at::Tensor& x, const Pairs& padding, const c10::Scalar& value) {
  Sizes flat;
  for (auto pair = padding.rbegin(); pair != padding.rend(); ++pair) {
    flat.push_back(pair->first);
    flat.push_back(pair->second);
  }
  if (std::all_of(flat.begin(), flat.end(), [](std::int64_t size) { return size == 0; })) return x;
  return at::constant_pad_nd(x, flat, value);
}

Window filter_window(const EvalCall& call, const at::Tensor& filter) {
  Window window;
  const auto rank = static_cast<std::size_t>(filter.dim() - 2);
  window.size.assign(filter.sizes().begin() + 2, filter.sizes().end());
  window.stride = ones_or(call.integers("stride"), rank);
  window.dilation = ones_or(call.integers("dilation"), rank);
  window.padding = call.pairs("padding");
  return window;
}

c10::optional<at::Tensor> bias_of(const EvalCall& call, const at::Tensor& x, std::int64_t channels) {
  if (!call.has("bias")) return c10::nullopt;
  return widened(call.tensor("bias", x)).reshape({-1}).expand({channels}).contiguous();
}

std::int64_t groups_of(const EvalCall& call, const at::Tensor& x) {
  const std::int64_t groups = call.integer("groups");
  return groups == 0 ? x.size(1) : groups;
}

at::Tensor convolved(const at::Tensor& x, const at::Tensor& filter, const c10::optional<at::Tensor>& bias,
                     const Window& window, std::int64_t groups) {
  const Sizes none(window.rank(), 0);
  if (window.is_symmetric()) {
    return at::convolution(x, filter, bias, window.stride, window.before(), window.dilation, false, none, groups);
  }
  return at::convolution(padded(x, window.padding, 0), filter, bias, window.stride, none, window.dilation, false, none,
                         groups);
}

Tensors convolution(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), filter = widened(call.tensor("filter"));
  if (!at::isFloatingType(x.scalar_type())) call.fail("quantised convolutions are not evaluated");
  const Window window = filter_window(call, filter);
  at::Tensor y = convolved(x, filter, bias_of(call, x, filter.size(0)), window, groups_of(call, x));
  return {y.to(call.result_type())};
}

// Sums of products of items less their zero points, in f64, where they are exact. a0 and a_scale are the filter's.
// Items of 8 bits are rounded to the even one.
Tensors integer_convolution(const EvalCall& call) {
  const at::Tensor x = call.tensor("input").to(at::kDouble) - call.integer("b0");
  const at::Tensor filter = call.tensor("filter").to(at::kDouble) - call.integer("a0");
  const at::Tensor bias = call.tensor("bias").to(at::kDouble).reshape({-1}).expand({filter.size(0)}).contiguous();
  at::Tensor y = convolved(x, filter, bias, filter_window(call, filter), groups_of(call, x));
  const double scale = call.number("a_scale") * call.number("b_scale") / call.number("c_scale");
  if (scale != 1) y = (y * scale).round();
  y = y + call.integer("c0");
  if (call.result_type() == at::kChar) y = y.clamp(-128, 127);
  return {y.to(call.result_type())};
}

// The filter's layout is [O, I/groups, k..]; torch's is [I, O/groups, k..].
at::Tensor torch_filter(const at::Tensor& filter, std::int64_t groups) {
  Sizes split{groups, filter.size(0) / groups}, merged{filter.size(1) * groups, filter.size(0) / groups};
  split.insert(split.end(), filter.sizes().begin() + 1, filter.sizes().end());
  merged.insert(merged.end(), filter.sizes().begin() + 2, filter.sizes().end());
  return filter.reshape(split).transpose(1, 2).reshape(merged);
}

// The full result, cropped by the padding.
Tensors transposed_convolution(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), filter = widened(call.tensor("filter"));
  if (!call.integers("output_shape").empty()) call.fail("output_shape is not evaluated");
  const Window window = filter_window(call, filter);
  const std::int64_t groups = groups_of(call, x);
  const Sizes none(window.rank(), 0);
  at::Tensor y = at::convolution(x, torch_filter(filter, groups), bias_of(call, x, filter.size(0)), window.stride, none,
                                 window.dilation, true, none, groups);
  for (std::size_t i = 0; i < window.rank(); ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    y = y.slice(axis, window.padding[i].first, y.size(axis) - window.padding[i].second);
  }
  return {y.to(call.result_type())};
}

Tensors separable_convolution(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), plane = widened(call.tensor("plane_filter"));
  at::Tensor point = widened(call.tensor("point_filter"));
  at::Tensor y = convolved(x, plane, c10::nullopt, filter_window(call, plane), x.size(1));
  const Sizes ones(static_cast<std::size_t>(x.dim() - 2), 1), none(ones.size(), 0);
  y = at::convolution(y, point, bias_of(call, x, point.size(0)), ones, none, ones, false, none, 1);
  return {y.to(call.result_type())};
}

// Of a pool: attributes stand for every axis, the first two with 1.
Window pool_window(const EvalCall& call, const at::Tensor& x) {
  const auto rank = static_cast<std::size_t>(x.dim());
  const auto spatial = [](Sizes all) { return Sizes(all.begin() + 2, all.end()); };
  Window window;
  window.size = spatial(call.integers("size"));
  window.stride = spatial(ones_or(call.integers("stride"), rank));
  window.dilation = spatial(ones_or(call.integers("dilation"), rank));
  const Pairs padding = call.pairs("padding");
  window.padding.assign(padding.begin() + 2, padding.end());
  return window;
}

// Windows along one axis as a new last axis.
at::Tensor unfolded(const at::Tensor& x, const Window& window, std::size_t i) {
  at::Tensor parts = x.unfold(static_cast<std::int64_t>(i) + 2, window.extent(i), window.stride[i]);
  return window.dilation[i] == 1 ? parts : parts.slice(-1, 0, parts.size(-1), window.dilation[i]);
}

at::Tensor window_sums(at::Tensor x, const Window& window) {
  for (std::size_t i = 0; i < window.rank(); ++i) x = unfolded(x, window, i).sum(-1, false, x.scalar_type());
  return x;
}

// How many items of the input (border ignored) or places (counted) each window holds.
at::Tensor window_counts(const at::Tensor& x, const Window& window, bool counts_border) {
  Sizes shape(static_cast<std::size_t>(x.dim()), 1);
  std::copy(x.sizes().begin() + 2, x.sizes().end(), shape.begin() + 2);
  return window_sums(padded(at::ones(shape, x.scalar_type()), window.padding, counts_border ? 1 : 0), window);
}

at::Tensor window_means(const EvalCall& call, const at::Tensor& x) {
  const Window window = pool_window(call, x);
  at::Tensor sums = window_sums(padded(x, window.padding, 0), window);
  return sums / window_counts(x, window, call.text("border") == "constant");
}

Tensors box(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  if (call.logical("normalize")) return {window_means(call, x).to(call.result_type())};
  const Window window = pool_window(call, x);
  return {window_sums(padded(x, window.padding, 0), window).to(call.result_type())};
}

// Each item spread over its window; `normalize` is passed over.
Tensors debox(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  if (!call.integers("output_shape").empty()) call.fail("output_shape is not evaluated");
  const Window window = pool_window(call, x);
  Sizes shape{x.size(1), 1};
  shape.insert(shape.end(), window.size.begin(), window.size.end());
  const Sizes none(window.rank(), 0);
  at::Tensor y = at::convolution(x, at::ones(shape, x.scalar_type()), {}, window.stride, none, window.dilation, true,
                                 none, x.size(1));
  for (std::size_t i = 0; i < window.rank(); ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    y = y.slice(axis, window.padding[i].first, y.size(axis) - window.padding[i].second);
  }
  return {y.to(call.result_type())};
}

c10::Scalar lowest(at::ScalarType type) {
  switch (type) {
    case at::kByte:
    case at::kBool:
      return 0;
    case at::kChar:
      return std::numeric_limits<std::int8_t>::min();
    case at::kShort:
      return std::numeric_limits<std::int16_t>::min();
    case at::kInt:
      return std::numeric_limits<std::int32_t>::min();
    case at::kLong:
      return std::numeric_limits<std::int64_t>::min();
    default:
      return -std::numeric_limits<double>::infinity();
  }
}

// The fast kernel of torch, for what it takes.
bool has_kernel(const at::Tensor& x, const Window& window) {
  if (!at::isFloatingType(x.scalar_type()) || window.rank() != 2 || !window.is_symmetric()) return false;
  for (std::size_t i = 0; i < window.rank(); ++i) {
    if (window.padding[i].first > window.size[i] / 2) return false;
  }
  return true;
}

// tract passes over NaNs (T-NAN-MAX-POOL), and over the border whatever it is said to be.
at::Tensor without_nan(const at::Tensor& x) {
  return has_nan(x) ? at::where(x.isnan(), at::scalar_tensor(lowest(x.scalar_type()), x.scalar_type()), x) : x;
}

Tensors max_pool(const EvalCall& call) {
  at::Tensor x = without_nan(widened(call.tensor("input")));
  const Window window = pool_window(call, x);
  if (has_kernel(x, window)) {
    at::Tensor y = at::max_pool2d(x, window.size, window.stride, window.before(), window.dilation);
    return {y.to(call.result_type())};
  }
  at::Tensor y = padded(x, window.padding, lowest(x.scalar_type()));
  for (std::size_t i = 0; i < window.rank(); ++i) y = unfolded(y, window, i).amax(-1);
  return {y.to(call.result_type())};
}

// The place of each largest item in its plane, the first of equal ones.
Tensors max_pool_with_index(const EvalCall& call) {
  at::Tensor x = without_nan(widened(call.tensor("input")));
  const Window window = pool_window(call, x);
  Sizes plane(x.sizes().begin() + 2, x.sizes().end()), shape(2, 1);
  shape.insert(shape.end(), plane.begin(), plane.end());
  std::int64_t count = 1;
  for (std::int64_t size : plane) count *= size;
  at::Tensor places = padded(at::arange(count, at::kLong).reshape(shape), window.padding, 0);
  at::Tensor items = padded(x, window.padding, lowest(x.scalar_type()));
  places = places.expand_as(items);
  for (std::size_t i = 0; i < window.rank(); ++i)
    items = unfolded(items, window, i), places = unfolded(places, window, i);
  const auto rank = static_cast<std::int64_t>(window.rank());
  items = items.flatten(-rank, -1);
  places = places.flatten(-rank, -1);
  at::Tensor at_largest = items.argmax(-1, true);
  return {items.gather(-1, at_largest).squeeze(-1).to(call.result_type(0)), places.gather(-1, at_largest).squeeze(-1)};
}

}  // namespace

void add_window_evaluation(EvalTable& table) {
  table.emplace("conv", convolution);
  table.emplace("deconv", transposed_convolution);
  table.emplace("tract_core_qconv", integer_convolution);
  table.emplace("separable_conv", separable_convolution);
  table.emplace("box", box);
  table.emplace("debox", debox);
  table.emplace("max_pool", max_pool);
  table.emplace("max_pool_with_index", max_pool_with_index);
  table.emplace("avg_pool", [](const EvalCall& call) -> Tensors {
    return {window_means(call, widened(call.tensor("input"))).to(call.result_type())};
  });
  table.emplace("rms_pool", [](const EvalCall& call) -> Tensors {
    at::Tensor x = widened(call.tensor("input"));
    return {window_means(call, x * x).sqrt().to(call.result_type())};
  });
}

}  // namespace torch2nnef
