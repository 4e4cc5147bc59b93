// Resampling: resize, upsampling, sampling at a grid.

#include <algorithm>
#include <cmath>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

constexpr float kCubicA = -0.75F;

// Where an item of the result lies in the input.
float place_of(std::int64_t item, std::int64_t in, std::int64_t out, float scale, const std::string& transformer) {
  const auto at = static_cast<float>(item);
  if (transformer == "align_corners") {
    return out == 1 ? 0 : at * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  }
  if (transformer == "asymmetric") return at / scale;
  if (transformer == "pytorch_half_pixel" && out == 1) return 0;
  return (at + 0.5F) / scale - 0.5F;
}

float nearest_of(float place, const std::string& mode) {
  if (mode == "floor") return std::floor(place);
  if (mode == "ceil") return std::ceil(place);
  if (mode == "round_prefer_floor") return std::ceil(place - 0.5F);
  return std::floor(place + 0.5F);
}

// How much each of the items around a place counts, from the one at `first` on.
struct Taps {
  float first = 0;
  std::vector<float> weights;
};

float cubic_near(float t) { return ((kCubicA + 2) * t - (kCubicA + 3)) * t * t + 1; }
float cubic_far(float t) { return ((kCubicA * t - 5 * kCubicA) * t + 8 * kCubicA) * t - 4 * kCubicA; }

Taps taps_of(float place, const ResizeRule& rule) {
  if (rule.interpolator == "nearest") return {nearest_of(place, rule.nearest_mode), {1}};
  const float whole = std::floor(place), t = place - whole;
  if (rule.interpolator == "linear") return {whole, {1 - t, t}};
  return {whole - 1, {cubic_far(t + 1), cubic_near(t), cubic_near(1 - t), cubic_far(2 - t)}};
}

at::Tensor resized_axis(const at::Tensor& x, std::int64_t axis, std::int64_t out, float scale, const ResizeRule& rule) {
  const std::int64_t in = x.size(axis);
  const std::size_t count = rule.interpolator == "nearest" ? 1 : rule.interpolator == "linear" ? 2 : 4;
  std::vector<std::vector<std::int64_t>> places(count);
  std::vector<std::vector<float>> weights(count);
  for (std::int64_t item = 0; item < out; ++item) {
    const Taps taps = taps_of(place_of(item, in, out, scale, rule.transformer), rule);
    for (std::size_t tap = 0; tap < count; ++tap) {
      const auto place = static_cast<std::int64_t>(taps.first) + static_cast<std::int64_t>(tap);
      places[tap].push_back(std::clamp<std::int64_t>(place, 0, in - 1));
      weights[tap].push_back(taps.weights[tap]);
    }
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = out;
  at::Tensor y;
  for (std::size_t tap = 0; tap < count; ++tap) {
    at::Tensor part = x.index_select(axis, at::tensor(places[tap], at::kLong));
    if (count > 1) part = part * at::tensor(weights[tap], at::kFloat).to(x.scalar_type()).reshape(shape);
    y = tap == 0 ? part : y + part;
  }
  return y;
}

Tensors resize(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const ResizeRule rule{call.text("coord_transformer"), call.text("interpolator"), call.text("nearest_mode")};
  if (call.has("sizes")) return {resized(x, call.integers("sizes"), {}, rule).to(call.result_type())};
  const std::vector<double> scales = call.numbers("scales");
  std::vector<std::int64_t> sizes;
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    const auto scale = static_cast<float>(scales[static_cast<std::size_t>(axis)]);
    sizes.push_back(static_cast<std::int64_t>(std::floor(static_cast<float>(x.size(axis)) * scale)));
  }
  return {resized(x, sizes, scales, rule).to(call.result_type())};
}

at::Tensor upsampled(const EvalCall& call, const ResizeRule& rule) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> factor = call.integers("factor");
  std::vector<std::int64_t> sizes = x.sizes().vec();
  for (std::size_t i = 0; i < factor.size(); ++i) sizes[i + 2] *= factor[i];
  return resized(x, sizes, {}, rule).to(call.result_type());
}

Tensors multilinear_upsample(const EvalCall& call) {
  const std::string method = call.text("method");
  if (call.text("border") != "replicate") call.fail("only the border 'replicate' is evaluated");
  if (method != "symmetric" && method != "aligned") call.fail("the method '" + method + "' is not evaluated");
  return {upsampled(call, {method == "aligned" ? "align_corners" : "half_pixel", "linear", "floor"})};
}

std::int64_t position(std::initializer_list<std::string_view> names, const std::string& name, const EvalCall& call) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) call.fail("'" + name + "' is not known");
  return found - names.begin();
}

// Halfway between two items tract takes the even one, also in three dimensions: T-GRID-HALFWAY.
at::Tensor with_even_places(const at::Tensor& x, const at::Tensor& grid, bool align_corners) {
  std::vector<at::Tensor> coordinates;
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto size = static_cast<double>(x.size(4 - i));
    const at::Tensor given = grid.select(-1, i);
    const at::Tensor place = align_corners ? (given + 1) * ((size - 1) / 2) : ((given + 1) * size - 1) / 2;
    const at::Tensor even = at::round(place);
    const at::Tensor there = align_corners ? even * (2 / std::max(size - 1, 1.0)) - 1 : (even * 2 + 1) / size - 1;
    coordinates.push_back(at::where((place - place.trunc()).abs() == 0.5, there, given));
  }
  return at::stack(coordinates, -1);
}

Tensors grid_sample(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), grid = widened(call.tensor("grid"));
  const std::int64_t mode = position({"bilinear", "nearest", "bicubic"}, call.text("mode"), call);
  const std::int64_t border = position({"zeros", "border", "reflection"}, call.text("padding_mode"), call);
  if (x.dim() == 3) call.fail("one spatial axis is not evaluated");
  if (mode == 1 && x.dim() == 5) grid = with_even_places(x, grid, call.logical("align_corners"));
  return {at::grid_sampler(x, grid, mode, border, call.logical("align_corners")).to(call.result_type())};
}

}  // namespace

at::Tensor resized(const at::Tensor& x, const std::vector<std::int64_t>& sizes, const std::vector<double>& scales,
                   const ResizeRule& rule) {
  at::Tensor y = x;
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    const float scale = scales.empty() ? static_cast<float>(sizes[i]) / static_cast<float>(x.size(axis))
                                       : static_cast<float>(scales[i]);
    if (sizes[i] == x.size(axis) && scale == 1) continue;
    y = resized_axis(y, axis, sizes[i], scale, rule);
  }
  return y;
}

void add_resample_evaluation(EvalTable& table) {
  table.emplace("tract_core_resize", resize);
  table.emplace("multilinear_upsample", multilinear_upsample);
  table.emplace("nearest_upsample", [](const EvalCall& call) -> Tensors {
    return {upsampled(call, {"asymmetric", "nearest", "floor"})};
  });
  for (std::string_view op : {"tract_core_grid_sample", "tract_onnx_grid_sample"}) table.emplace(op, grid_sample);
}

}  // namespace torch2nnef
