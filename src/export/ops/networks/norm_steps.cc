#include "export/ops/networks/norm_steps.h"

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kLongSum = 1 << 14;

}  // namespace

DType norm_dtype(const Call& call, std::string_view input) {
  const std::optional<DType> dtype = to_nnef(call.type(input));
  if (!dtype || !nnef::is_float(*dtype)) {
    throw Unsupported("a normalisation of " + std::string(to_string(call.type(input))));
  }
  return *dtype == DType::kF16 ? DType::kF32 : *dtype;
}

Value mean_over(Call& call, Value x, const std::vector<int>& axes) {
  Builder& b = call.builder();
  Dim count = 1;
  for (int axis : axes) count *= b.shape(x)[static_cast<std::size_t>(axis)];
  if (count.is_constant() && count.value() <= kLongSum) return b.reduce("mean_reduce", x, axes, true);
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) x = b.reduce("sum_reduce", x, {*axis}, true);
  return b.binary("div", x, call.dim_tensor(count, b.dtype(x)));
}

Normalized normalized(Call& call, Value x, const std::vector<int>& axes, double eps) {
  Builder& b = call.builder();
  Normalized result;
  result.mean = mean_over(call, x, axes);
  Value centred = b.binary("sub", x, result.mean);
  Value variance = mean_over(call, b.unary("square", centred), axes);
  result.inverse_deviation = b.unary("rsqrt", b.binary("add", variance, eps));
  result.y = b.binary("mul", centred, result.inverse_deviation);
  return result;
}

std::optional<Value> per_channel(Call& call, std::string_view name, Value x) {
  if (!call.has(name)) return std::nullopt;
  Builder& b = call.builder();
  std::vector<int> axes;
  for (int axis = 1; axis < b.rank(x) - 1; ++axis) axes.push_back(axis);
  return b.unsqueeze(call.tensor_as(name, b.dtype(x)), axes);
}

Value scaled_and_shifted(Call& call, Value y, std::optional<Value> weight, std::optional<Value> bias) {
  Builder& b = call.builder();
  if (weight) y = b.binary("mul", y, *weight);
  if (bias) y = b.binary("add", y, *bias);
  return y;
}

}  // namespace torch2nnef
