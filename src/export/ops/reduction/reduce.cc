// Sums, means, products and spreads over axes.

#include <cmath>

#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// torch converts the argument first, so that a sum of booleans counts and a sum of small integers does not overflow.
Value summand(Call& call) { return call.tensor_as("self", call.result_dtype()); }

void lower_sum(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("self"))) return call.result(zeros(call, dtype, call.result_shape()));
  if (dtype == DType::kBool) throw Unsupported("a sum with dtype=torch.bool");
  Value x = b.cast(summand(call), arithmetic_type(dtype));
  call.result(b.cast(sum_over(b, x, reduction_of(call)), dtype));
}

void lower_mean(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  Value x = b.cast(summand(call), arithmetic_type(dtype));
  call.result(b.cast(mean_of(call, x, reduction_of(call)), dtype));
}

void lower_prod(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("self"))) return call.result(filled(call, constant_of(call, 1, dtype), call.result_shape()));
  if (dtype == DType::kBool) throw Unsupported("a product with dtype=torch.bool");
  Value x = b.cast(summand(call), arithmetic_type(dtype));
  Reduction reduction = reduction_of(call);
  call.result(b.cast(b.reduce("tract_core_product_reduce", x, reduction.axes, reduction.keepdim), dtype));
}

// Sum and number of the items that are not NaN.
struct Present {
  Value sum, count;
};

Present present_items(Call& call) {
  Builder& b = call.builder();
  DType dtype = arithmetic_type(call.result_dtype());
  Value x = b.cast(summand(call), dtype);
  Reduction reduction = reduction_of(call);
  Value is_number = b.binary("eq", x, x);
  Present present;
  present.sum = sum_over(b, b.select(is_number, x, b.literal(0.0, dtype)), reduction);
  present.count = sum_over(b, b.cast(is_number, dtype), reduction);
  return present;
}

void lower_nansum(Call& call) {
  if (!nnef::is_float(call.result_dtype())) return lower_sum(call);
  call.result(call.builder().cast(present_items(call).sum, call.result_dtype()));
}

void lower_nanmean(Call& call) {
  Builder& b = call.builder();
  Present present = present_items(call);
  call.result(b.cast(b.binary("div", present.sum, present.count), call.result_dtype()));
}

void lower_count_nonzero(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.shape("self"))) return call.result(zeros(call, DType::kI64, call.result_shape()));
  Value counted = b.cast(is_not_zero(b, call.tensor("self")), DType::kI64);
  call.result(sum_over(b, counted, reduction_of(call)));
}

// --- variance and standard deviation ---

constexpr std::int64_t kManyItems = 500;

double correction_of(const Call& call) {
  if (call.has("unbiased")) return call.flag("unbiased") ? 1 : 0;
  return call.has("correction") ? call.number("correction") : 1;
}

// The mean with its axes kept, and the variance, in the dtype of the arithmetic.
struct Spread {
  Value mean, variance;
};

Spread spread_of(Call& call, const Reduction& reduction) {
  Builder& b = call.builder();
  Value x = call.tensor_as("self", arithmetic_type(call.result_dtype()));
  Spread spread;
  spread.mean = mean_of(call, x, {reduction.axes, true});
  Value deviation = b.binary("sub", x, spread.mean);
  double correction = correction_of(call);
  Dim items = items_of(b, x, reduction.axes);
  // tract takes constants that differ by less than about 1e-7 for one, and 1/n and 1/(n-1) of many items do: the
  // deviations are scaled instead, by a factor that is well away from 1.
  if (correction != 0 && items.is_constant() && items.value() > kManyItems &&
      static_cast<double>(items.value()) > correction) {
    double count = static_cast<double>(items.value());
    Value factor = b.constant(std::sqrt(count / (count - correction)), b.dtype(x));
    deviation = b.binary("mul", deviation, factor);
    correction = 0;
  }
  spread.variance = mean_of(call, b.binary("mul", deviation, deviation), reduction, correction);
  return spread;
}

void lower_variance(Call& call, bool is_root) {
  Builder& b = call.builder();
  Value y = spread_of(call, reduction_of(call)).variance;
  call.result(b.cast(is_root ? b.unary("sqrt", y) : y, call.result_dtype()));
}
void lower_var(Call& call) { lower_variance(call, false); }
void lower_std(Call& call) { lower_variance(call, true); }

void lower_variance_and_mean(Call& call, bool is_root) {
  Builder& b = call.builder();
  Reduction reduction = reduction_of(call);
  Spread spread = spread_of(call, reduction);
  if (!reduction.keepdim) spread.mean = b.squeeze(spread.mean, reduction.axes);
  if (is_root) spread.variance = b.unary("sqrt", spread.variance);
  if (call.wanted(0)) call.result(0, b.cast(spread.variance, call.result_dtype(0)));
  if (call.wanted(1)) call.result(1, b.cast(spread.mean, call.result_dtype(1)));
}
void lower_var_mean(Call& call) { lower_variance_and_mean(call, false); }
void lower_std_mean(Call& call) { lower_variance_and_mean(call, true); }

void lower_logsumexp(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor_as("self", arithmetic_type(call.result_dtype()));
  call.result(b.cast(log_sum_exp(b, x, reduction_of(call)), call.result_dtype()));
}

void lower_trace(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  const Shape& shape = call.shape("self");
  Value rows = b.unsqueeze(affine_range(call, shape.at(0)), {1});
  Value columns = b.unsqueeze(affine_range(call, shape.at(1)), {0});
  Value x = b.select(b.binary("eq", rows, columns), summand(call), constant_of(call, 0, dtype));
  call.result(b.cast(sum_over(b, b.cast(x, arithmetic_type(dtype)), {{0, 1}, false}), dtype));
}

}  // namespace

void register_reduce(Registry& registry) {
  registry.add("aten::sum", lower_sum);
  registry.add("aten::mean", lower_mean);
  registry.add("aten::prod", lower_prod);
  registry.add("aten::nansum", lower_nansum);
  registry.add("aten::nanmean", lower_nanmean);
  registry.add("aten::count_nonzero", lower_count_nonzero);
  registry.add("aten::var", lower_var);
  registry.add("aten::std", lower_std);
  registry.add("aten::var_mean", lower_var_mean);
  registry.add("aten::std_mean", lower_std_mean);
  registry.add("aten::logsumexp aten::special_logsumexp", lower_logsumexp);
  registry.add("aten::trace", lower_trace);
}

}  // namespace torch2nnef
