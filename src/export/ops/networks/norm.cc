// Normalisation by statistics of the input itself: over groups of channels, each plane, or the last axes.

#include <limits>

#include "export/ops/networks/norm_steps.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// The statistics that the native forms return beside the result.
void set_statistics(Call& call, const Normalized& statistics, const Shape& mean_shape) {
  Builder& b = call.builder();
  if (call.wanted(1)) call.result(1, b.cast(b.reshape(statistics.mean, mean_shape), call.result_dtype(1)));
  if (call.wanted(2)) call.result(2, b.cast(b.reshape(statistics.inverse_deviation, mean_shape), call.result_dtype(2)));
}

// The last `count` axes of a tensor.
std::vector<int> last_axes_of(int rank, std::size_t count) {
  std::vector<int> axes;
  for (int axis = rank - static_cast<int>(count); axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

std::optional<Value> optional_as(Call& call, std::string_view name, DType dtype) {
  if (!call.has(name)) return std::nullopt;
  return call.tensor_as(name, dtype);
}

void lower_layer_norm(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const DType dtype = norm_dtype(call, "input");
  Value x = call.tensor_as("input", dtype);
  const std::vector<int> axes = last_axes_of(b.rank(x), call.dims("normalized_shape").size());
  const Normalized statistics = normalized(call, x, axes, call.number("eps"));
  if (call.wanted(1) || call.wanted(2)) set_statistics(call, statistics, b.shape(statistics.mean));
  if (!call.wanted(0)) return;
  Value y =
      scaled_and_shifted(call, statistics.y, optional_as(call, "weight", dtype), optional_as(call, "bias", dtype));
  call.result(b.cast(y, call.result_dtype()));
}

// torch rounds to the input's dtype before the weight comes in.
void lower_rms_norm(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const DType dtype = norm_dtype(call, "input");
  const double own_eps =
      dtype == DType::kF64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  Value x = call.tensor_as("input", dtype);
  const std::vector<int> axes = last_axes_of(b.rank(x), call.dims("normalized_shape").size());
  Value mean = mean_over(call, b.unary("square", x), axes);
  Value scale = b.unary("rsqrt", b.binary("add", mean, call.has("eps") ? call.number("eps") : own_eps));
  Value y = b.cast(b.binary("mul", x, scale), *to_nnef(call.type("input")));
  if (call.has("weight"))
    y = b.binary("mul", b.cast(y, call.result_dtype()), call.tensor_as("weight", call.result_dtype()));
  call.result(b.cast(y, call.result_dtype()));
}

// Statistics over the channels of each group and all that follows them.
Normalized normalized_groups(Call& call, Value x, std::int64_t groups, double eps) {
  Builder& b = call.builder();
  const Shape shape = b.shape(x);
  const std::int64_t channels = shape.at(1).value();
  Shape split{shape[0], groups, channels / groups};
  split.insert(split.end(), shape.begin() + 2, shape.end());
  std::vector<int> axes;
  for (std::size_t axis = 2; axis < split.size(); ++axis) axes.push_back(static_cast<int>(axis));
  Normalized result = normalized(call, b.reshape(x, split), axes, eps);
  result.y = b.reshape(result.y, shape);
  return result;
}

void lower_group_norm(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value x = call.tensor_as("input", norm_dtype(call, "input"));
  const std::int64_t groups = call.integer(call.tape_call().find("num_groups") ? "num_groups" : "group");
  const Normalized statistics = normalized_groups(call, x, groups, call.number("eps"));
  if (call.wanted(1) || call.wanted(2)) set_statistics(call, statistics, {b.shape(x)[0], groups});
  if (!call.wanted(0)) return;
  Value y = scaled_and_shifted(call, statistics.y, per_channel(call, "weight", x), per_channel(call, "bias", x));
  call.result(b.cast(y, call.result_dtype()));
}

}  // namespace

void register_norm(Registry& registry) {
  registry.add("aten::layer_norm aten::native_layer_norm", lower_layer_norm);
  registry.add("aten::rms_norm aten::_fused_rms_norm", lower_rms_norm);
  registry.add("aten::group_norm aten::native_group_norm", lower_group_norm);
}

}  // namespace torch2nnef
