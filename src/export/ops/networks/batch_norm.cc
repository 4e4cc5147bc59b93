// Normalisation by statistics of the channels: those that training left in the model, or the batch's own.

#include <cmath>
#include <cstring>

#include "export/ops/networks/norm_steps.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

double eps_of(const Call& call) { return call.number(call.has("eps") ? "eps" : "epsilon"); }

// A scale and a shift for each channel, shaped to go with the input.
struct Affine {
  Value scale, shift;
};

nnef::TensorDataPtr channel_tensor(DType dtype, const std::vector<double>& items, int rank) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
  shape.at(1) = static_cast<std::int64_t>(items.size());
  std::vector<std::byte> bytes(items.size() * nnef::item_size(dtype));
  if (dtype == DType::kF64) {
    if (!items.empty()) std::memcpy(bytes.data(), items.data(), bytes.size());
  } else {
    const std::vector<float> floats(items.begin(), items.end());
    if (!floats.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  }
  return std::make_shared<nnef::OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

// The items of an optional argument: `fallback` for None, nullopt when it is not a constant.
std::optional<std::vector<double>> constant_items(const Call& call, std::string_view name, std::size_t count,
                                                  double fallback) {
  if (!call.has(name)) return std::vector<double>(count, fallback);
  ConstantPtr constant = call.constant(name);
  if (!constant) return std::nullopt;
  return constant->to_doubles();
}

// Four constants become two, in double precision; so a batch norm costs one multiplication and one addition.
std::optional<Affine> folded(Call& call, Value x) {
  Builder& b = call.builder();
  const std::optional<std::int64_t> channels = b.shape(x).at(1).constant();
  if (!channels) return std::nullopt;
  const std::size_t count = static_cast<std::size_t>(*channels);
  const auto mean = constant_items(call, "running_mean", count, 0),
             variance = constant_items(call, "running_var", count, 1),
             weight = constant_items(call, "weight", count, 1), bias = constant_items(call, "bias", count, 0);
  if (!mean || !variance || !weight || !bias) return std::nullopt;
  std::vector<double> scale(count), shift(count);
  for (std::size_t i = 0; i < count; ++i) {
    scale[i] = weight->at(i) / std::sqrt(variance->at(i) + eps_of(call));
    shift[i] = bias->at(i) - mean->at(i) * scale[i];
  }
  return Affine{call.variable("scale", channel_tensor(b.dtype(x), scale, b.rank(x))),
                call.variable("shift", channel_tensor(b.dtype(x), shift, b.rank(x)))};
}

Affine computed(Call& call, Value x) {
  Builder& b = call.builder();
  Value scale = b.unary("rsqrt", b.binary("add", *per_channel(call, "running_var", x), eps_of(call)));
  if (std::optional<Value> weight = per_channel(call, "weight", x)) scale = b.binary("mul", scale, *weight);
  Value shift = b.unary("neg", b.binary("mul", *per_channel(call, "running_mean", x), scale));
  if (std::optional<Value> bias = per_channel(call, "bias", x)) shift = b.binary("add", shift, *bias);
  return {scale, shift};
}

Value by_running_statistics(Call& call, Value x) {
  Builder& b = call.builder();
  if (!call.has("running_mean") || !call.has("running_var")) throw Unsupported("a batch norm without statistics");
  std::optional<Affine> affine = folded(call, x);
  if (!affine) affine = computed(call, x);
  return b.binary("add", b.binary("mul", x, affine->scale), affine->shift);
}

// All axes but the channels; instance norm keeps the batch apart too.
std::vector<int> axes_without_channels(int rank, bool without_batch) {
  std::vector<int> axes;
  if (!without_batch) axes.push_back(0);
  for (int axis = 2; axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

Value affine_of(Call& call, Value y, Value x) {
  return scaled_and_shifted(call, y, per_channel(call, "weight", x), per_channel(call, "bias", x));
}

void lower_batch_norm(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const bool training = call.tape_call().find("training") && call.flag("training");
  for (std::size_t i = 1; i < call.result_count(); ++i) {
    if (call.wanted(i) && (!training || i > 2)) throw Unsupported("the saved statistics of a batch norm in eval mode");
  }
  Value x = call.tensor_as("input", norm_dtype(call, "input"));
  if (!training) return call.result(b.cast(by_running_statistics(call, x), call.result_dtype()));
  const Normalized statistics = normalized(call, x, axes_without_channels(b.rank(x), false), eps_of(call));
  const Shape channels{b.shape(x).at(1)};
  if (call.wanted(1)) call.result(1, b.cast(b.reshape(statistics.mean, channels), call.result_dtype(1)));
  if (call.wanted(2)) call.result(2, b.cast(b.reshape(statistics.inverse_deviation, channels), call.result_dtype(2)));
  if (call.wanted(0)) call.result(b.cast(affine_of(call, statistics.y, x), call.result_dtype()));
}

void lower_instance_norm(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value x = call.tensor_as("input", norm_dtype(call, "input"));
  if (!call.flag("use_input_stats")) return call.result(b.cast(by_running_statistics(call, x), call.result_dtype()));
  const Normalized statistics = normalized(call, x, axes_without_channels(b.rank(x), true), call.number("eps"));
  call.result(b.cast(affine_of(call, statistics.y, x), call.result_dtype()));
}

}  // namespace

void register_batch_norm(Registry& registry) {
  registry.add(
      "aten::batch_norm aten::_batch_norm_impl_index aten::native_batch_norm aten::cudnn_batch_norm "
      "aten::miopen_batch_norm aten::_native_batch_norm_legit aten::_native_batch_norm_legit_no_training "
      "aten::_batch_norm_no_update",
      lower_batch_norm, "in training mode by the statistics of the batch");
  registry.add("aten::instance_norm", lower_instance_norm);
}

}  // namespace torch2nnef
