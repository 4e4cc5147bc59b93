// Upsampling and downsampling: torch's interpolate.
//
// Sizes that are known at export: whole factors of nearest are a tile, other nearest ones a gather, interpolation is a
// product with a small matrix for each axis (twice as fast in the engine as its resize operator, and with torch's own
// rounding). Symbolic sizes need a factor: whole for nearest, any for interpolation.

#include <array>
#include <cmath>

#include "export/ops/interpolation.h"
#include "export/ops/pool.h"
#include "export/ops/shape_util.h"

namespace torch2nnef {
namespace {

// Matrices above this go through the engine's resize operator: they would weigh more than they save.
constexpr std::int64_t kLargestMatrix = 1 << 20;

struct Resize {
  Resample kind;
  std::size_t spatial;
  bool align_corners = false, antialias = false;
  std::vector<std::optional<double>> scales;   // one an axis, as the model gave them
  Shape sizes, results;                        // spatial ones
};

bool same_size(const Resize& resize, std::size_t axis) { return resize.sizes[axis] == resize.results[axis]; }

// The overloads "vec" give one list, the others one argument an axis.
std::vector<std::optional<double>> given_scales(const Call& call, std::size_t spatial) {
  std::vector<std::optional<double>> scales(spatial);
  if (call.has("scale_factors")) {
    const std::vector<double> numbers = call.numbers("scale_factors");
    for (std::size_t axis = 0; axis < spatial; ++axis) scales[axis] = numbers.at(numbers.size() == 1 ? 0 : axis);
    return scales;
  }
  static constexpr std::array<std::string_view, 3> kNames = {"scales_d", "scales_h", "scales_w"};
  for (std::size_t axis = 0; axis < spatial; ++axis) {
    const std::string_view name = spatial == 1 ? "scales" : kNames[3 - spatial + axis];
    if (call.has(name)) scales[axis] = call.number(name);
  }
  return scales;
}

Resize read_resize(const Call& call, std::string_view input, Resample kind, std::size_t spatial, bool antialias) {
  Resize resize{kind, spatial, false, antialias, given_scales(call, spatial), {}, {}};
  resize.align_corners = call.has("align_corners") && call.flag("align_corners");
  resize.sizes = last_axes(call.shape(input), spatial);
  resize.results = last_axes(call.result_shape(), spatial);
  return resize;
}

AxisResample axis_of(const Resize& resize, std::size_t axis, DType dtype) {
  return {resize.sizes[axis].value(), resize.results[axis].value(), resize.scales[axis],
          resize.align_corners,       resize.antialias,             dtype == DType::kF64};
}

bool is_static(const Resize& resize, std::size_t axis) {
  return resize.sizes[axis].is_constant() && resize.results[axis].is_constant();
}

// How often each item of an axis stands in the result: a whole factor, with places that torch computes as such.
std::optional<std::int64_t> whole_factor(const Resize& resize, std::size_t axis) {
  const std::optional<Dim> factor = nnef::exact_div(resize.results[axis], resize.sizes[axis]);
  if (!factor || !factor->is_constant() || factor->value() < 1) return std::nullopt;
  const std::int64_t times = factor->value();
  const std::optional<double> scale = resize.scales[axis];
  if (scale && *scale > 0 && *scale != static_cast<double>(times)) return std::nullopt;
  if (!is_static(resize, axis)) return times;
  const std::vector<std::int64_t> places = nearest_places(resize.kind, axis_of(resize, axis, DType::kF32));
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != static_cast<std::int64_t>(i) / times) return std::nullopt;
  }
  return times;
}

// Each item of some axes so often: [.., L, ..] to [.., L, 1, ..], tiled, and back.
Value repeated(Call& call, Value x, const std::vector<std::int64_t>& times) {
  Builder& b = call.builder();
  const Shape shape = b.shape(x);
  const std::size_t lead = shape.size() - times.size();
  Shape split, repeats, merged;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t count = axis < lead ? 1 : times[axis - lead];
    split.push_back(shape[axis]);
    repeats.emplace_back(1);
    merged.push_back(shape[axis] * count);
    if (count == 1) continue;
    split.emplace_back(1);
    repeats.emplace_back(count);
  }
  return b.reshape(b.tile(b.reshape(x, split), repeats), merged);
}

[[noreturn]] void refuse_symbolic(const Resize& resize, std::size_t axis) {
  throw Unsupported("an axis of length " + resize.sizes[axis].to_string() + " resampled to " +
                        resize.results[axis].to_string(),
                    "make the axis static, or resample by a whole scale factor");
}

Value resize_nearest(Call& call, Value x, const Resize& resize) {
  Builder& b = call.builder();
  const std::size_t lead = b.shape(x).size() - resize.spatial;
  std::vector<std::int64_t> times(resize.spatial, 1);
  for (std::size_t axis = 0; axis < resize.spatial; ++axis) {
    if (same_size(resize, axis) && !resize.scales[axis]) continue;
    if (const std::optional<std::int64_t> factor = whole_factor(resize, axis)) {
      times[axis] = *factor;
    } else if (is_static(resize, axis)) {
      const std::vector<std::int64_t> places = nearest_places(resize.kind, axis_of(resize, axis, b.dtype(x)));
      x = read_along(call, x, static_cast<int>(lead + axis), "places", places);
    } else {
      refuse_symbolic(resize, axis);
    }
  }
  return repeated(call, x, times);
}

// Results for inputs along an axis whose length is symbolic, where that is a number: 2, or 1.5.
std::optional<double> ratio(const Resize& resize, std::size_t axis) {
  if (resize.scales[axis] && *resize.scales[axis] > 0) return *resize.scales[axis];
  if (is_static(resize, axis)) {
    return static_cast<double>(resize.results[axis].value()) / static_cast<double>(resize.sizes[axis].value());
  }
  for (std::int64_t divisor = 1; divisor <= 8; ++divisor) {
    const std::optional<Dim> factor = nnef::exact_div(resize.results[axis] * divisor, resize.sizes[axis]);
    if (factor && factor->is_constant()) return static_cast<double>(factor->value()) / static_cast<double>(divisor);
  }
  return std::nullopt;
}

// The engine's own operator over all axes at once: by sizes where they are known and say all, else by scales.
Value resize_by_operator(Call& call, Value x, const Resize& resize) {
  Builder& b = call.builder();
  if (resize.antialias) refuse_symbolic(resize, 0);
  std::vector<Argument> scales;
  std::vector<std::int64_t> sizes;
  const std::size_t lead = b.shape(x).size() - resize.spatial;
  bool by_sizes = true;
  for (std::size_t axis = 0; axis < b.shape(x).size(); ++axis) {
    const Dim& size = axis < lead ? b.shape(x)[axis] : resize.results[axis - lead];
    by_sizes = by_sizes && size.is_constant() && (axis < lead || is_static(resize, axis - lead));
    if (by_sizes) sizes.push_back(size.value());
    const std::optional<double> scale = axis < lead ? 1.0 : ratio(resize, axis - lead);
    if (!scale) refuse_symbolic(resize, axis - lead);
    scales.emplace_back(*scale);
    if (axis >= lead && by_sizes && !resize.align_corners) {
      const double exact = static_cast<double>(size.value()) / static_cast<double>(b.shape(x)[axis].value());
      by_sizes = *scale == exact;
    }
  }
  const Argument places = by_sizes ? Argument(sizes) : Argument(Argument::Array{scales});
  return b.add("tract_core_resize", {x},
               {{by_sizes ? "sizes" : "scales", places},
                {"coord_transformer", resize.align_corners ? "align_corners" : "half_pixel"},
                {"interpolator", resize.kind == Resample::kLinear ? "linear" : "cubic"}});
}

bool matrices_serve(const Resize& resize) {
  for (std::size_t axis = 0; axis < resize.spatial; ++axis) {
    if (!is_static(resize, axis)) return false;
    if (resize.antialias) continue;
    if (resize.sizes[axis].value() * resize.results[axis].value() > kLargestMatrix) return false;
  }
  return true;
}

Value interpolate(Call& call, Value x, const Resize& resize) {
  Builder& b = call.builder();
  if (!matrices_serve(resize)) return resize_by_operator(call, x, resize);
  const std::size_t lead = b.shape(x).size() - resize.spatial;
  for (std::size_t axis = 0; axis < resize.spatial; ++axis) {
    if (same_size(resize, axis) && (resize.align_corners || resize.scales[axis].value_or(1.0) == 1.0)) continue;
    const AxisMap map = interpolation(resize.kind, axis_of(resize, axis, b.dtype(x)));
    x = map_along(call, x, static_cast<int>(lead + axis), "interpolation", map);
  }
  return x;
}

void lower_resize(Call& call, Resample kind, std::size_t spatial, bool antialias) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const char* input = call.tape_call().find("input") ? "input" : "self";
  const Resize resize = read_resize(call, input, kind, spatial, antialias);
  if (kind == Resample::kNearest || kind == Resample::kNearestExact) {
    return call.result(resize_nearest(call, call.tensor(input), resize));
  }
  if (!is_floating(call.result_type())) throw Unsupported("an interpolation of integers", "cast them to float32 before");
  const DType dtype = call.result_dtype() == DType::kF16 ? DType::kF32 : call.result_dtype();
  call.result(b.cast(interpolate(call, call.tensor_as(input, dtype), resize), call.result_dtype()));
}

}  // namespace

void register_resize(Registry& registry);

void register_resize(Registry& registry) {
  auto add = [&](const char* names, Resample kind, std::size_t spatial, const char* notes, bool antialias = false) {
    registry.add(names, [=](Call& call) { lower_resize(call, kind, spatial, antialias); }, notes);
  };
  const char* whole = "symbolic axes by whole factors";
  const char* any = "symbolic axes by a factor";
  add("aten::upsample_nearest1d", Resample::kNearest, 1, whole);
  add("aten::upsample_nearest2d", Resample::kNearest, 2, whole);
  add("aten::upsample_nearest3d", Resample::kNearest, 3, whole);
  add("aten::_upsample_nearest_exact1d", Resample::kNearestExact, 1, whole);
  add("aten::_upsample_nearest_exact2d", Resample::kNearestExact, 2, whole);
  add("aten::_upsample_nearest_exact3d", Resample::kNearestExact, 3, whole);
  add("aten::upsample_linear1d", Resample::kLinear, 1, any);
  add("aten::upsample_bilinear2d", Resample::kLinear, 2, any);
  add("aten::upsample_trilinear3d", Resample::kLinear, 3, any);
  add("aten::upsample_bicubic2d", Resample::kCubic, 2, any);
  add("aten::_upsample_bilinear2d_aa", Resample::kLinear, 2, "static axes", true);
  add("aten::_upsample_bicubic2d_aa", Resample::kCubic, 2, "static axes", true);
}

}  // namespace torch2nnef
