// Upsampling and downsampling: torch's interpolate.
//
// Sizes that are known at export: whole factors of nearest are a tile, other nearest ones a gather, interpolation is a
// product with a small matrix for each axis (twice as fast in the engine as its resize operator, and with torch's own
// rounding). Symbolic sizes: whole factors are a tile, or the engine's operator; for others places and weights are
// computed in the graph.

#include <array>
#include <cmath>

#include "export/ops/resampling/interpolation.h"
#include "export/ops/resampling/interpolation_symbolic.h"
#include "export/ops/shape/shape_util.h"
#include "export/ops/windows/pool.h"

namespace torch2nnef {
namespace {

struct Resize {
  Resample kind;
  std::size_t spatial;
  bool align_corners = false, antialias = false;
  std::vector<std::optional<double>> scales;  // one an axis, as the model gave them
  Shape sizes, results;                       // spatial ones
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

// floor(size * scale).
Dim scaled(const Dim& size, double scale) {
  if (size.is_constant()) return static_cast<std::int64_t>(static_cast<double>(size.value()) * scale);
  for (std::int64_t divisor = 1; divisor <= 64; ++divisor) {
    const double times = std::round(scale * static_cast<double>(divisor));
    if (times > 0 && times / static_cast<double>(divisor) == scale) {
      return floor_div(size * static_cast<std::int64_t>(times), divisor);
    }
  }
  throw Unsupported("an axis of length " + size.to_string() + " resampled by " + std::to_string(scale),
                    "make the axis static, or use a simple fraction");
}

Shape wanted_sizes(const Call& call, const Resize& resize) {
  if (call.has("output_size")) return call.dims("output_size");
  Shape results;
  for (std::size_t axis = 0; axis < resize.spatial; ++axis) {
    results.push_back(scaled(resize.sizes[axis], resize.scales[axis].value()));
  }
  return results;
}

Resize read_resize(const Call& call, std::string_view input, Resample kind, std::size_t spatial, bool antialias) {
  Resize resize{kind, spatial, false, antialias, given_scales(call, spatial), {}, {}};
  resize.align_corners = call.has("align_corners") && call.flag("align_corners");
  resize.sizes = last_axes(call.shape(input), spatial);
  resize.results = wanted_sizes(call, resize);
  return resize;
}

AxisResample axis_of(const Resize& resize, std::size_t axis, DType dtype) {
  return {resize.sizes[axis].value(), resize.results[axis].value(), resize.scales[axis], resize.align_corners,
          resize.antialias,           dtype == DType::kF64};
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

SymbolicAxis symbolic_axis(const Resize& resize, std::size_t axis) {
  return {resize.sizes[axis], resize.results[axis], resize.scales[axis], resize.align_corners};
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
      x = nearest_along(call, x, static_cast<int>(lead + axis), resize.kind, symbolic_axis(resize, axis));
    }
  }
  return repeated(call, x, times);
}

// The engine's own operator, which takes symbolic sizes by whole factors only (T-RESIZE-SIZES). Other axes keep their
// size here.
Value grown_by_operator(Call& call, Value x, const Resize& resize, const std::vector<std::int64_t>& times) {
  const std::size_t lead = static_cast<std::size_t>(call.builder().rank(x)) - resize.spatial;
  std::vector<Argument> scales(lead, Argument(1.0));
  for (std::int64_t count : times) scales.emplace_back(static_cast<double>(count));
  return call.builder().add("tract_core_resize", {x},
                            {{"scales", Argument::Array{scales}},
                             {"coord_transformer", resize.align_corners ? "align_corners" : "half_pixel"},
                             {"interpolator", resize.kind == Resample::kLinear ? "linear" : "cubic"}});
}

Value interpolate(Call& call, Value x, const Resize& resize) {
  Builder& b = call.builder();
  const std::size_t lead = b.shape(x).size() - resize.spatial;
  std::vector<std::int64_t> times(resize.spatial, 1);
  bool grows = false;
  for (std::size_t axis = 0; axis < resize.spatial; ++axis) {
    const int place = static_cast<int>(lead + axis);
    if (same_size(resize, axis) && (resize.align_corners || resize.scales[axis].value_or(1.0) == 1.0)) continue;
    if (is_static(resize, axis)) {
      x = map_along(call, x, place, "interpolation", interpolation(resize.kind, axis_of(resize, axis, b.dtype(x))));
    } else if (resize.antialias) {
      x = antialiased_along(call, x, place, resize.kind, symbolic_axis(resize, axis));
    } else if (const auto factor = whole_factor(resize, axis); factor && b.dialect().has("tract_core_resize")) {
      times[axis] = *factor;
      grows = true;
    } else {
      x = interpolated_along(call, x, place, resize.kind, symbolic_axis(resize, axis));
    }
  }
  return grows ? grown_by_operator(call, x, resize, times) : x;
}

void lower_resize(Call& call, Resample kind, std::size_t spatial, bool antialias) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const char* input = call.tape_call().find("input") ? "input" : "self";
  const Resize resize = read_resize(call, input, kind, spatial, antialias);
  if (kind == Resample::kNearest || kind == Resample::kNearestExact) {
    return call.result(resize_nearest(call, call.tensor(input), resize));
  }
  if (!is_floating(call.result_type())) {
    throw Unsupported("an interpolation of integers", "cast them to float32 before");
  }
  const DType dtype = call.result_dtype() == DType::kF16 ? DType::kF32 : call.result_dtype();
  call.result(b.cast(interpolate(call, call.tensor_as(input, dtype), resize), call.result_dtype()));
}

}  // namespace

void register_resize(Registry& registry) {
  auto add = [&](const char* name, Resample kind, std::size_t spatial, bool antialias = false) {
    registry.add(name, [=](Call& call) { lower_resize(call, kind, spatial, antialias); });
  };
  add("aten::upsample_nearest1d", Resample::kNearest, 1);
  add("aten::upsample_nearest2d", Resample::kNearest, 2);
  add("aten::upsample_nearest3d", Resample::kNearest, 3);
  add("aten::_upsample_nearest_exact1d", Resample::kNearestExact, 1);
  add("aten::_upsample_nearest_exact2d", Resample::kNearestExact, 2);
  add("aten::_upsample_nearest_exact3d", Resample::kNearestExact, 3);
  add("aten::upsample_linear1d", Resample::kLinear, 1);
  add("aten::upsample_bilinear2d", Resample::kLinear, 2);
  add("aten::upsample_trilinear3d", Resample::kLinear, 3);
  add("aten::upsample_bicubic2d", Resample::kCubic, 2);
  add("aten::_upsample_bilinear2d_aa", Resample::kLinear, 2, true);
  add("aten::_upsample_bicubic2d_aa", Resample::kCubic, 2, true);
}

}  // namespace torch2nnef
