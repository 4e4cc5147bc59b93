// Reductions, which keep their axes with extent 1.

#include <algorithm>
#include <limits>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

// In the input's type. Integers are added in 32 bits, also those of 64; sums of 8 and 16 bits are held at the ends of
// their range.
at::Tensor summed(const at::Tensor& x, const std::vector<std::int64_t>& axes) {
  const at::ScalarType type = x.scalar_type();
  if (!at::isIntegralType(type, false)) return axes.empty() ? x : x.sum(axes, true, type);
  const at::Tensor sum = (axes.empty() ? x : x.sum(axes, true, at::kLong)).to(at::kInt);
  if (type == at::kByte) return sum.clamp(0, 255).to(type);
  if (type == at::kChar) return sum.clamp(-128, 127).to(type);
  if (type == at::kShort) return sum.clamp(-32768, 32767).to(type);
  return sum.to(type);
}

Tensors sum_reduce(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> axes = call.integers("axes");
  if (call.logical("normalize")) return {x.mean(axes, true).to(call.result_type())};
  return {summed(x, axes).to(call.result_type())};
}

Tensors mean_reduce(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> axes = call.integers("axes");
  return {(axes.empty() ? x : x.mean(axes, true)).to(call.result_type())};
}

// tract passes over NaNs: T-NAN-MAX-REDUCE, T-NAN-MIN-REDUCE.
at::Tensor without_nan(const at::Tensor& x, double instead) {
  return has_nan(x) ? at::nan_to_num(x, instead, std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity())
                    : x;
}

// What a reduction of nothing but infinities gives: T-INF-MAX-REDUCE, T-INF-MIN-REDUCE.
double largest_of(at::ScalarType type) {
  return type == at::kDouble ? std::numeric_limits<double>::max() : double{std::numeric_limits<float>::max()};
}

Tensors max_reduce(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> axes = call.integers("axes");
  if (axes.empty()) return {x.to(call.result_type())};
  const at::Tensor largest = without_nan(x, -std::numeric_limits<double>::infinity()).amax(axes, true);
  if (!x.is_floating_point()) return {largest.to(call.result_type())};
  return {largest.clamp_min(-largest_of(x.scalar_type())).to(call.result_type())};
}

Tensors min_reduce(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> axes = call.integers("axes");
  if (axes.empty()) return {x.to(call.result_type())};
  const at::Tensor smallest = without_nan(x, std::numeric_limits<double>::infinity()).amin(axes, true);
  if (!x.is_floating_point()) return {smallest.to(call.result_type())};
  return {smallest.clamp_max(largest_of(x.scalar_type())).to(call.result_type())};
}

// The reduced axes as one at the end, and the shape that the result has.
std::pair<at::Tensor, std::vector<std::int64_t>> gathered(const EvalCall& call, const at::Tensor& x) {
  const std::vector<std::int64_t> axes = call.integers("axes");
  std::vector<std::int64_t> order, kept, result(x.sizes().begin(), x.sizes().end());
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) continue;
    order.push_back(axis);
    kept.push_back(x.size(axis));
  }
  order.insert(order.end(), axes.begin(), axes.end());
  for (std::int64_t axis : axes) result[static_cast<std::size_t>(axis)] = 1;
  std::int64_t count = 1;
  for (std::int64_t axis : axes) count *= x.size(axis);
  kept.push_back(count);
  return {x.permute(order).reshape(kept), result};
}

// Several axes give one flat index. Of equal items the first, or the last.
Tensors arg_reduce(const EvalCall& call) {
  const bool largest = call.op().find("max") != std::string::npos, last = call.op().ends_with("_last");
  at::Tensor x = widened(call.tensor("input"));
  x = without_nan(x, largest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  auto [flat, shape] = gathered(call, x);
  if (last) flat = flat.flip({-1});
  at::Tensor place = largest ? flat.argmax(-1) : flat.argmin(-1);
  if (last) place = flat.size(-1) - 1 - place;
  return {place.reshape(shape)};
}

Tensors product_reduce(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  for (std::int64_t axis : call.integers("axes")) x = x.prod(axis, true, x.scalar_type());
  return {x.to(call.result_type())};
}

Tensors any_reduce(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  for (std::int64_t axis : call.integers("axes")) x = x.any(axis, true);
  return {x};
}

Tensors all_reduce(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  for (std::int64_t axis : call.integers("axes")) x = x.all(axis, true);
  return {x};
}

Tensors moments(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::vector<std::int64_t> axes = call.integers("axes");
  at::Tensor mean = x.mean(axes, true), centred = x - mean;
  return {mean.to(call.result_type(0)), (centred * centred).mean(axes, true).to(call.result_type(1))};
}

Tensors cumulative_sum(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::int64_t axis = call.integer("axis");
  const bool reverse = call.logical("reverse");
  if (reverse) x = x.flip({axis});
  at::Tensor y = x.cumsum(axis, x.scalar_type());
  if (call.logical("exclusive")) y = y - x;
  return {(reverse ? y.flip({axis}) : y).to(call.result_type())};
}

}  // namespace

void add_reduce_evaluation(EvalTable& table) {
  table.emplace("sum_reduce", sum_reduce);
  table.emplace("mean_reduce", mean_reduce);
  table.emplace("max_reduce", max_reduce);
  table.emplace("min_reduce", min_reduce);
  for (std::string_view op :
       {"argmax_reduce", "argmin_reduce", "tract_core_argmax_reduce_last", "tract_core_argmin_reduce_last"}) {
    table.emplace(op, arg_reduce);
  }
  table.emplace("tract_core_product_reduce", product_reduce);
  table.emplace("any_reduce", any_reduce);
  table.emplace("all_reduce", all_reduce);
  table.emplace("moments", moments);
  table.emplace("tract_core_cumsum", cumulative_sum);
}

}  // namespace torch2nnef
