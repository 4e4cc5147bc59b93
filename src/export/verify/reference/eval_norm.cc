// Softmax and normalisations, which keep the shape.

#include <cmath>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

using Axes = std::vector<std::int64_t>;

at::Tensor softmax_over(const at::Tensor& x, const Axes& axes, bool logarithm) {
  if (axes.size() == 1) return logarithm ? at::log_softmax(x, axes[0]) : at::softmax(x, axes[0]);
  at::Tensor shifted = x - x.amax(axes, true), powers = shifted.exp(), sum = powers.sum(axes, true);
  return logarithm ? shifted - sum.log() : powers / sum;
}

Tensors softmax(const EvalCall& call) {
  return {softmax_over(widened(call.tensor("x")), call.integers("axes"), false).to(call.result_type())};
}

Tensors log_softmax(const EvalCall& call) {
  return {softmax_over(widened(call.tensor("x")), call.integers("axes"), true).to(call.result_type())};
}

at::Tensor rms_normalized(const at::Tensor& x, std::int64_t axis, double epsilon) {
  return x * ((x * x).mean(Axes{axis}, true) + epsilon).rsqrt();
}

Tensors rms_norm(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  return {rms_normalized(x, call.integer("axis"), call.number("eps")).to(call.result_type())};
}

Tensors scaled_rms_norm(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), scale = widened(call.tensor("scale"));
  const std::int64_t axis = call.integer("axis");
  Axes shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = -1;
  return {(rms_normalized(x, axis, call.number("eps")) * scale.reshape(shape)).to(call.result_type())};
}

// Parameters of a lower rank than the input are [1, C] or [1, C, 1, ..].
at::Tensor beside(const at::Tensor& parameter, const at::Tensor& x) {
  at::Tensor y = widened(parameter);
  while (y.dim() > 0 && y.dim() < x.dim()) y = y.unsqueeze(-1);
  return y;
}

Tensors batch_normalization(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const auto parameter = [&](const char* name) { return beside(call.tensor(name, x), x); };
  at::Tensor y = (x - parameter("mean")) / (parameter("variance") + call.number("epsilon")).sqrt();
  return {(y * parameter("scale") + parameter("offset")).to(call.result_type())};
}

// input / max(size + bias, epsilon)
at::Tensor divided(const EvalCall& call, const at::Tensor& x, const at::Tensor& size) {
  return x / at::clamp_min(size + call.number("bias"), call.number("epsilon"));
}

Tensors l1_normalization(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  return {divided(call, x, x.abs().sum(call.integers("axes"), true)).to(call.result_type())};
}

Tensors l2_normalization(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  return {divided(call, x, (x * x).sum(call.integers("axes"), true).sqrt()).to(call.result_type())};
}

}  // namespace

void add_norm_evaluation(EvalTable& table) {
  table.emplace("softmax", softmax);
  table.emplace("tract_core_softmax", softmax);
  table.emplace("tract_core_log_softmax", log_softmax);
  table.emplace("tract_core_rms_norm", rms_norm);
  table.emplace("tract_transformers_rms_norm", rms_norm);
  table.emplace("tract_core_scaled_rms_norm", scaled_rms_norm);
  table.emplace("batch_normalization", batch_normalization);
  table.emplace("l1_normalization", l1_normalization);
  table.emplace("l2_normalization", l2_normalization);
}

}  // namespace torch2nnef
