#include "export/ops/reduction/reduce_util.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "export/ops/reduction/integer_sum.h"

namespace torch2nnef {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

DType arithmetic_type(DType dtype) { return dtype == DType::kF16 ? DType::kF32 : dtype; }

Reduction reduction_of(const Call& call, std::string_view tensor) {
  int rank = call.rank(tensor);
  Reduction reduction;
  if (call.has("dim")) {
    reduction.axes = call.axes("dim", rank);
  } else {
    reduction.axes.resize(static_cast<std::size_t>(rank));
    std::iota(reduction.axes.begin(), reduction.axes.end(), 0);
  }
  reduction.keepdim = call.has("keepdim") && call.flag("keepdim");
  return reduction;
}

Dim items_of(const Builder& b, Value x, const std::vector<int>& axes) {
  Dim items = 1;
  for (int axis : axes) items *= b.shape(x).at(static_cast<std::size_t>(axis));
  return items;
}

Value sum_over(Builder& b, Value x, const Reduction& reduction) {
  if (nnef::is_integer(b.dtype(x))) return integer_sum(b, x, reduction.axes, reduction.keepdim);
  return b.reduce("sum_reduce", x, reduction.axes, reduction.keepdim);
}

Value mean_of(Call& call, Value x, const Reduction& reduction, double correction) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  Dim items = items_of(b, x, reduction.axes);
  Value sum = sum_over(b, x, reduction);
  if (items.is_constant()) {
    double divisor = std::max(static_cast<double>(items.value()) - correction, 0.0);
    return divisor == 1 ? sum : b.binary("div", sum, b.constant(divisor, dtype));
  }
  Value divisor = call.dim_tensor(items, dtype);
  if (correction != 0) {
    divisor = b.binary("sub", divisor, b.literal(correction, dtype));
    divisor = b.binary("max", divisor, b.literal(0.0, dtype));
  }
  return b.binary("div", sum, divisor);
}

Value log_sum_exp(Builder& b, Value x, const Reduction& reduction) {
  DType dtype = b.dtype(x);
  Value top = b.reduce("max_reduce", x, reduction.axes, true);
  Value is_infinite = b.binary("eq", b.unary("abs", top), b.literal(kInfinity, dtype));
  Value shift = b.select(is_infinite, b.literal(0.0, dtype), top);
  Value sum = b.reduce("sum_reduce", b.unary("exp", b.binary("sub", x, shift)), reduction.axes, true);
  Value y = b.binary("add", b.unary("log", sum), shift);
  return reduction.keepdim ? y : b.squeeze(y, reduction.axes);
}

Value vector_norm(Builder& b, Value x, double order, const Reduction& reduction) {
  DType dtype = b.dtype(x);
  if (order == 2) return b.unary("sqrt", sum_over(b, b.binary("mul", x, x), reduction));
  if (order == 0) return sum_over(b, b.cast(b.binary("ne", x, b.literal(0.0, dtype)), dtype), reduction);
  Value size = b.unary("abs", x);
  if (order == 1) return sum_over(b, size, reduction);
  if (order == kInfinity) return b.reduce("max_reduce", size, reduction.axes, reduction.keepdim);
  if (order == -kInfinity) return b.reduce("min_reduce", size, reduction.axes, reduction.keepdim);
  Value sum = sum_over(b, b.binary("pow", size, b.literal(order, dtype)), reduction);
  return b.binary("pow", sum, b.literal(1 / order, dtype));
}

Value is_not_zero(Builder& b, Value x) { return b.cast(x, DType::kBool); }

}  // namespace torch2nnef
