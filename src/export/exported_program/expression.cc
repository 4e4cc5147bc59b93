#include "export/exported_program/expression.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace torch2nnef {
namespace {

using Op = Expression::Op;

constexpr double kLargest = 9007199254740992.0;  // integers up to there are exact in a double

std::optional<double> exact(double value) {
  if (!std::isfinite(value) || std::abs(value) > kLargest) return std::nullopt;
  return value;
}

std::optional<double> of_two(Op op, double a, double b) {
  switch (op) {
    case Op::kPow:
      return exact(std::pow(a, b));
    case Op::kFloorDiv:
      return b == 0 ? std::nullopt : exact(std::floor(a / b));
    case Op::kMod:
      return b == 0 ? std::nullopt : exact(a - std::floor(a / b) * b);
    case Op::kTrueDiv:
      return b == 0 ? std::nullopt : exact(a / b);
    case Op::kEqual:
      return a == b;
    case Op::kNotEqual:
      return a != b;
    case Op::kLess:
      return a < b;
    case Op::kLessEqual:
      return a <= b;
    case Op::kGreater:
      return a > b;
    case Op::kGreaterEqual:
      return a >= b;
    default:
      return std::nullopt;
  }
}

std::optional<double> of_one(Op op, double a) {
  switch (op) {
    case Op::kToFloat:
      return a;
    case Op::kTrunc:
      return std::trunc(a);
    case Op::kFloor:
      return std::floor(a);
    case Op::kCeil:
      return std::ceil(a);
    case Op::kSqrt:
      return a < 0 ? std::nullopt : std::optional(std::sqrt(a));
    case Op::kNot:
      return a == 0;
    default:
      return std::nullopt;
  }
}

// Operators that take any number of operands.
std::optional<double> joined(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return exact(a + b);
    case Op::kMul:
      return exact(a * b);
    case Op::kMax:
      return std::max(a, b);
    case Op::kMin:
      return std::min(a, b);
    case Op::kAnd:
      return a != 0 && b != 0;
    case Op::kOr:
      return a != 0 || b != 0;
    default:
      return std::nullopt;
  }
}

// Nothing for what no Dim can say, numbers beyond 64 bits among it.
std::optional<nnef::Dim> joined(Op op, const nnef::Dim& a, const nnef::Dim& b) {
  try {
    switch (op) {
      case Op::kAdd:
        return a + b;
      case Op::kMul:
        return a * b;
      case Op::kMax:
        return max(a, b);
      case Op::kMin:
        return min(a, b);
      case Op::kFloorDiv:
        return b == nnef::Dim(0) ? std::nullopt : std::optional(floor_div(a, b));
      case Op::kMod:
        return b == nnef::Dim(0) ? std::nullopt : std::optional(remainder(a, b));
      default:
        return std::nullopt;
    }
  } catch (const std::overflow_error&) {
    return std::nullopt;
  }
}

const char* sign_of(Op op) {
  switch (op) {
    case Op::kAdd:
      return " + ";
    case Op::kMul:
      return "*";
    case Op::kPow:
      return "**";
    case Op::kFloorDiv:
      return " // ";
    case Op::kMod:
      return " % ";
    case Op::kTrueDiv:
      return " / ";
    case Op::kEqual:
      return " == ";
    case Op::kNotEqual:
      return " != ";
    case Op::kLess:
      return " < ";
    case Op::kLessEqual:
      return " <= ";
    case Op::kGreater:
      return " > ";
    case Op::kGreaterEqual:
      return " >= ";
    case Op::kAnd:
      return " and ";
    case Op::kOr:
      return " or ";
    default:
      return nullptr;
  }
}

const char* function_of(Op op) {
  switch (op) {
    case Op::kMax:
      return "max";
    case Op::kMin:
      return "min";
    case Op::kToFloat:
      return "float";
    case Op::kTrunc:
      return "trunc";
    case Op::kFloor:
      return "floor";
    case Op::kCeil:
      return "ceil";
    case Op::kSqrt:
      return "sqrt";
    default:
      return "not ";
  }
}

}  // namespace

Expression Expression::number(std::int64_t value) {
  Expression expression;
  expression.integer = value;
  return expression;
}

Expression Expression::of(Op op, std::vector<Expression> arguments) {
  Expression expression;
  expression.op = op;
  expression.arguments = std::move(arguments);
  return expression;
}

void Expression::collect_symbols(std::set<std::string>& names) const {
  if (is_symbol()) names.insert(symbol);
  for (const Expression& argument : arguments) argument.collect_symbols(names);
}

std::optional<double> evaluate(const Expression& expression, const nnef::Bindings& sizes) {
  if (expression.op == Op::kInteger) return exact(static_cast<double>(expression.integer));
  if (expression.op == Op::kReal) return expression.real;
  if (expression.op == Op::kSymbol) {
    const auto found = sizes.find(expression.symbol);
    return found == sizes.end() ? std::nullopt : std::optional(static_cast<double>(found->second));
  }
  std::vector<double> values;
  for (const Expression& argument : expression.arguments) {
    const auto value = evaluate(argument, sizes);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  if (values.size() == 2) {
    if (const auto value = of_two(expression.op, values[0], values[1])) return value;
  }
  if (values.size() == 1) {
    if (const auto value = of_one(expression.op, values[0])) return value;
  }
  if (values.empty()) return std::nullopt;
  std::optional<double> total = values[0];
  for (std::size_t i = 1; i < values.size() && total; ++i) total = joined(expression.op, *total, values[i]);
  return values.size() == 1 && !joined(expression.op, 0, 0) ? std::nullopt : total;
}

namespace {

// A remainder says its first operand twice: of so many, the text of a Dim would not end.
constexpr std::size_t kMostRemainders = 8;

std::size_t remainders_in(const Expression& expression) {
  std::size_t count = expression.op == Op::kMod ? 1 : 0;
  for (const Expression& argument : expression.arguments) count += remainders_in(argument);
  return count;
}

std::optional<nnef::Dim> dim_of(const Expression& expression, const std::map<std::string, nnef::Dim>& names) {
  if (expression.op == Op::kInteger) return nnef::Dim(expression.integer);
  if (expression.op == Op::kSymbol) {
    const auto found = names.find(expression.symbol);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<nnef::Dim> total;
  for (const Expression& argument : expression.arguments) {
    const auto value = dim_of(argument, names);
    if (!value) return std::nullopt;
    total = total ? joined(expression.op, *total, *value) : value;
    if (!total) return std::nullopt;
  }
  const bool is_pow = expression.op == Op::kPow;
  if (is_pow || expression.arguments.size() < 2) return std::nullopt;
  return total;
}

}  // namespace

std::optional<nnef::Dim> to_dim(const Expression& expression, const std::map<std::string, nnef::Dim>& names) {
  return remainders_in(expression) > kMostRemainders ? std::nullopt : dim_of(expression, names);
}

std::string to_text(const Expression& expression, const std::map<std::string, std::string>& names) {
  if (expression.op == Op::kInteger) return std::to_string(expression.integer);
  if (expression.op == Op::kReal) return std::to_string(expression.real);
  if (expression.op == Op::kSymbol) {
    const auto found = names.find(expression.symbol);
    return found == names.end() ? expression.symbol : found->second;
  }
  std::string text;
  const char* const sign = sign_of(expression.op);
  for (const Expression& argument : expression.arguments) {
    if (!text.empty()) text += sign == nullptr ? ", " : sign;
    const bool in_brackets = sign != nullptr && sign_of(argument.op) != nullptr && !argument.arguments.empty();
    text += in_brackets ? "(" + to_text(argument, names) + ")" : to_text(argument, names);
  }
  return sign != nullptr ? text : function_of(expression.op) + ("(" + text + ")");
}

}  // namespace torch2nnef
