// Operators that work item by item.

#include <algorithm>
#include <cmath>
#include <limits>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

using Unary = at::Tensor (*)(const at::Tensor&);
using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

// The result in the dtype of x, f16 by way of f32.
at::Tensor through_single(Unary function, const at::Tensor& x) {
  return is_half(x) ? function(widened(x)).to(at::kHalf) : function(x);
}

bool is_float(const at::Tensor& x) { return at::isFloatingType(x.scalar_type()); }

// tract's max and min pass over a NaN: T-NAN-MAX, T-NAN-MIN, T-NAN-RELU.
at::Tensor larger(const at::Tensor& a, const at::Tensor& b) {
  if (!is_float(a) || !(has_nan(a) || has_nan(b))) return at::maximum(a, b);
  return at::fmax(a, b);
}
at::Tensor smaller(const at::Tensor& a, const at::Tensor& b) {
  if (!is_float(a) || !(has_nan(a) || has_nan(b))) return at::minimum(a, b);
  return at::fmin(a, b);
}

// Half away from zero. What is cut off is exact.
at::Tensor rounded(const at::Tensor& x) {
  if (!is_float(x)) return x;
  at::Tensor whole = at::trunc(x);
  return whole + at::sign(x) * ((x - whole).abs() >= 0.5).to(x.scalar_type());
}

at::Tensor signed_one(const at::Tensor& x) { return has_nan(x) ? at::where(x.isnan(), x, at::sign(x)) : at::sign(x); }
at::Tensor identity(const at::Tensor& x) { return x; }
at::Tensor floored(const at::Tensor& x) { return is_float(x) ? at::floor(x) : x; }
at::Tensor ceiled(const at::Tensor& x) { return is_float(x) ? at::ceil(x) : x; }
// Small integers end at the bounds of their type (T-SQUARE-SATURATES).
at::Tensor squared(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  if (type != at::kInt && type != at::kChar && type != at::kByte) return x * x;
  const std::int64_t high = type == at::kInt ? 2147483647 : type == at::kChar ? 127 : 255;
  const at::Tensor wide = x.to(at::kLong);
  return (wide * wide).clamp_max(high).to(type);
}
at::Tensor inverse_square(const at::Tensor& x) { return at::reciprocal(x * x); }
at::Tensor exp_linear(const at::Tensor& x) { return at::where(x < 0, at::exp(x) - 1.0, x); }
at::Tensor soft_plus(const at::Tensor& x) { return at::log(at::exp(x) + 1.0); }
at::Tensor rectified(const at::Tensor& x) { return has_nan(x) ? at::fmax(x, at::zeros_like(x)) : at::clamp_min(x, 0); }
at::Tensor tanh_gelu(const at::Tensor& x) { return at::gelu(x, "tanh"); }

// With what the engine's kernels in single precision give where torch's give a NaN: T-NAN-SIGMOID, T-NAN-TANH,
// T-NAN-SILU.
template <Unary kFunction>
at::Tensor with_nan_as(const at::Tensor& x, double nan) {
  at::Tensor y = kFunction(x);
  if (x.scalar_type() == at::kDouble || !has_nan(y)) return y;
  return at::where(y.isnan(), at::scalar_tensor(nan, y.scalar_type()), y);
}
// What is below the range of the kernel, -inf too, comes to the same number as a NaN (T-NAN-SIGMOID).
at::Tensor sigmoid(const at::Tensor& x) {
  constexpr double kLowest = -18.6, kLeast = 4.4703484e-07;
  const at::Tensor y = with_nan_as<at::sigmoid>(x, kLeast);
  return x.scalar_type() == at::kDouble ? y : at::where(x < kLowest, at::scalar_tensor(kLeast, y.scalar_type()), y);
}
at::Tensor tanh(const at::Tensor& x) { return with_nan_as<at::tanh>(x, -1); }
// -inf, too, comes to as little as any large negative number: the kernel holds its argument in a range (T-INF-SILU).
at::Tensor silu(const at::Tensor& x) { return with_nan_as<at::silu>(x, -6e-06); }

struct UnaryRow {
  std::string_view op;
  Unary function;
};

constexpr UnaryRow kUnary[] = {
    {"exp", at::exp},
    {"log", at::log},
    {"sin", at::sin},
    {"cos", at::cos},
    {"tan", at::tan},
    {"asin", at::asin},
    {"acos", at::acos},
    {"atan", at::atan},
    {"sinh", at::sinh},
    {"cosh", at::cosh},
    {"asinh", at::asinh},
    {"acosh", at::acosh},
    {"atanh", at::atanh},
    {"abs", at::abs},
    {"neg", at::neg},
    {"sign", signed_one},
    {"recip", at::reciprocal},
    {"floor", floored},
    {"ceil", ceiled},
    {"round", rounded},
    {"square", squared},
    {"sqr", squared},
    {"rsqr", inverse_square},
    {"sqrt", at::sqrt},
    {"rsqrt", at::rsqrt},
    {"tanh", tanh},
    {"sigmoid", sigmoid},
    {"log2", at::log2},
    {"elu", exp_linear},
    {"softplus", soft_plus},
    {"relu", rectified},
    {"copy", identity},
    {"not", at::logical_not},
    {"tract_core_bitnot", at::bitwise_not},
    {"tract_core_round_even", at::round},
    {"tract_core_erf", at::erf},
    {"tract_core_hard_swish", at::hardswish},
    {"tract_core_silu", silu},
    {"tract_transformers_silu", silu},
};

// Of floats a product with the reciprocal (T-DIV-RECIPROCAL); integers are cut off towards zero.
at::Tensor quotient(const at::Tensor& a, const at::Tensor& b) {
  return is_float(a) ? at::mul(a, at::reciprocal(b)) : at::div(a, b, "trunc");
}
at::Tensor sum(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }
// The engine makes x * x a square.
at::Tensor product(const at::Tensor& a, const at::Tensor& b) { return a.is_same(b) ? squared(a) : at::mul(a, b); }
at::Tensor difference(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b); }
at::Tensor parametric_relu(const at::Tensor& x, const at::Tensor& alpha) { return at::where(x < 0, alpha * x, x); }

struct BinaryRow {
  std::string_view op;
  Binary function;
};

constexpr BinaryRow kBinary[] = {
    {"add", sum},
    {"sub", difference},
    {"mul", product},
    {"div", quotient},
    {"pow", at::pow},
    {"min", smaller},
    {"max", larger},
    {"eq", at::eq},
    {"ne", at::ne},
    {"lt", at::lt},
    {"gt", at::gt},
    {"le", at::le},
    {"ge", at::ge},
    {"and", at::logical_and},
    {"or", at::logical_or},
    {"tract_core_xor", at::logical_xor},
    {"tract_core_bitand", at::bitwise_and},
    {"tract_core_bitor", at::bitwise_or},
    {"tract_core_bitxor", at::bitwise_xor},
    {"tract_shl", at::bitwise_left_shift},
    {"tract_shr", at::bitwise_right_shift},
    {"prelu", parametric_relu},
};

// Two operands of one dtype: a literal takes that of what stands beside it.
std::pair<at::Tensor, at::Tensor> operands(const EvalCall& call, std::size_t first) {
  const auto& arguments = call.operation().arguments;
  const bool literal_first = arguments.size() > first && arguments[first].argument.value() == nullptr;
  at::Tensor a, b;
  if (literal_first) {
    b = call.tensor_at(first + 1);
    a = call.tensor_at(first, b);
  } else {
    a = call.tensor_at(first);
    b = call.tensor_at(first + 1, a);
  }
  return {a, b};
}

at::Tensor apply(Binary function, const at::Tensor& a, const at::Tensor& b) {
  if (!is_half(a)) return function(a, b);
  at::Tensor y = function(widened(a), widened(b));
  return y.scalar_type() == at::kFloat ? y.to(at::kHalf) : y;
}

// The engine makes zeros of a product with the number 0: T-NAN-MUL-ZERO, T-INF-MUL-ZERO.
bool has_number_zero(const EvalCall& call) {
  return std::ranges::any_of(call.operation().arguments, [](const nnef::NamedArgument& named) {
    if (const double* number = std::get_if<double>(&named.argument.is)) return *number == 0;
    const nnef::Dim* integer = std::get_if<nnef::Dim>(&named.argument.is);
    return integer != nullptr && integer->constant() == 0;
  });
}

Tensors clamp(const EvalCall& call) {
  at::Tensor x = call.tensor("x");
  return {larger(smaller(x, call.tensor("b", x)), call.tensor("a", x))};
}

Tensors select(const EvalCall& call) {
  auto [a, b] = operands(call, 1);
  return {at::where(call.tensor("condition"), a, b)};
}

// Floats to integers: cut off towards zero, held within the range, a NaN is 0.
at::Tensor to_integer(const at::Tensor& x, at::ScalarType type) {
  at::Tensor wide = at::nan_to_num(x.to(at::kDouble), 0.0, std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity());
  const auto [low, high] = [&]() -> std::pair<double, double> {
    switch (type) {
      case at::kByte:
        return {0, 255};
      case at::kChar:
        return {-128, 127};
      case at::kShort:
        return {-32768, 32767};
      case at::kInt:
        return {-2147483648.0, 2147483647.0};
      default:
        return {-0x1p63, 0x1p63};
    }
  }();
  if (type != at::kLong) return wide.clamp(low, high).trunc().to(type);
  at::Tensor held = wide.clamp(low, 0x1p62 * 1.9999999).trunc().to(type);
  return at::where(wide >= high, at::scalar_tensor(std::numeric_limits<std::int64_t>::max(), at::kLong), held);
}

Tensors cast(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const at::ScalarType type = call.result_type();
  if (call.text("to").find('(') != std::string::npos) call.fail("quantised types are not evaluated");
  if (type == x.scalar_type()) return {x};
  if (is_float(x) && at::isIntegralType(type, false)) return {to_integer(x, type)};
  return {type == at::kBool ? x.ne(0) : x.to(type)};
}

}  // namespace

// In parentheses: the functions of this file, not libtorch's.
at::Tensor engine_sigmoid(const at::Tensor& x) { return (sigmoid)(x); }
at::Tensor engine_tanh(const at::Tensor& x) { return (tanh)(x); }

void add_elementwise_evaluation(EvalTable& table) {
  for (const UnaryRow& row : kUnary) {
    table.emplace(
        row.op, [&row](const EvalCall& call) -> Tensors { return {through_single(row.function, call.tensor_at(0))}; });
  }
  for (const BinaryRow& row : kBinary) {
    table.emplace(row.op, [&row](const EvalCall& call) -> Tensors {
      auto [a, b] = operands(call, 0);
      const at::Tensor y = apply(row.function, a, b);
      return {row.op == "mul" && has_number_zero(call) ? at::zeros_like(y) : y};
    });
  }
  table.emplace("clamp", clamp);
  table.emplace("select", select);
  table.emplace("tract_core_cast", cast);
  table.emplace("leaky_relu", [](const EvalCall& call) -> Tensors {
    at::Tensor x = widened(call.tensor("x"));
    return {at::leaky_relu(x, call.number("alpha")).to(call.result_type())};
  });
  table.emplace("softabs", [](const EvalCall& call) -> Tensors {
    at::Tensor x = widened(call.tensor("x"));
    return {at::sqrt(x * x + call.number("epsilon")).to(call.result_type())};
  });
  table.emplace("tract_core_pow_const", [](const EvalCall& call) -> Tensors {
    return {at::pow(widened(call.tensor("input")), call.number("exponent")).to(call.result_type())};
  });
  for (std::string_view op : {"tract_core_gelu_approx", "tract_transformers_gelu_approx"}) {
    table.emplace(op, [](const EvalCall& call) -> Tensors {
      if (call.logical("fast_impl")) call.fail("fast_impl = true is not evaluated");
      return {through_single(tanh_gelu, call.tensor("input"))};
    });
  }
  table.emplace("tract_core_is_nan", [](const EvalCall& call) -> Tensors { return {call.tensor("x").isnan()}; });
  table.emplace("tract_core_is_inf", [](const EvalCall& call) -> Tensors {
    at::Tensor x = call.tensor("input"), none = at::zeros(x.sizes(), at::kBool);
    at::Tensor above = call.logical("detect_positive") ? x.isposinf() : none;
    return {call.logical("detect_negative") ? above.logical_or(x.isneginf()) : above};
  });
}

}  // namespace torch2nnef
