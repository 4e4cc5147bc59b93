// Arithmetic on the numbers of a row.

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "export/lower/rows/row_operand.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using Binary = double (*)(double, double);
using Unary = double (*)(double);

const std::map<std::string, Binary, std::less<>>& float_table() {
  static const std::map<std::string, Binary, std::less<>> table = {
      {"add", [](double a, double b) { return a + b; }},
      {"sub", [](double a, double b) { return a - b; }},
      {"mul", [](double a, double b) { return a * b; }},
      {"div", [](double a, double b) { return a / b; }},
      {"pow", [](double a, double b) { return std::pow(a, b); }},
      {"min", [](double a, double b) { return std::min(a, b); }},
      {"max", [](double a, double b) { return std::max(a, b); }},
  };
  return table;
}

const std::map<std::string, bool (*)(double, double), std::less<>>& comparison_table() {
  static const std::map<std::string, bool (*)(double, double), std::less<>> table = {
      {"eq", [](double a, double b) { return a == b; }},
      {"ne", [](double a, double b) { return a != b; }},
      {"lt", [](double a, double b) { return a < b; }},
      {"gt", [](double a, double b) { return a > b; }},
      {"le", [](double a, double b) { return a <= b; }},
      {"ge", [](double a, double b) { return a >= b; }},
      {"and", [](double a, double b) { return a != 0 && b != 0; }},
      {"or", [](double a, double b) { return a != 0 || b != 0; }},
  };
  return table;
}

const std::map<std::string, Unary, std::less<>>& unary_table() {
  static const std::map<std::string, Unary, std::less<>> table = {
      {"exp", [](double a) { return std::exp(a); }},     {"log", [](double a) { return std::log(a); }},
      {"sqrt", [](double a) { return std::sqrt(a); }},   {"rsqrt", [](double a) { return 1 / std::sqrt(a); }},
      {"recip", [](double a) { return 1 / a; }},         {"square", [](double a) { return a * a; }},
      {"tanh", [](double a) { return std::tanh(a); }},   {"sin", [](double a) { return std::sin(a); }},
      {"floor", [](double a) { return std::floor(a); }}, {"ceil", [](double a) { return std::ceil(a); }},
      {"abs", [](double a) { return std::abs(a); }},     {"neg", [](double a) { return -a; }},
  };
  return table;
}

// Integer arithmetic keeps symbols and 64 bits. Powers leave it, and divisions that are not exact.
std::optional<Dim> fold_dims(const std::string& op, const Dim& a, const Dim& b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "min") return nnef::min(a, b);
  if (op == "max") return nnef::max(a, b);
  if (op == "div" && b != Dim(0)) return nnef::exact_div(a, b);
  return std::nullopt;
}

// The dtype of a result; a fraction made of integers is a plain number.
std::optional<nnef::DType> result_dtype(std::optional<nnef::DType> a, std::optional<nnef::DType> b, bool is_float) {
  std::optional<nnef::DType> joined = a ? a : b;
  if (joined && is_float && !nnef::is_float(*joined)) return std::nullopt;
  return joined;
}

}  // namespace

double RowNumber::to_double() const {
  if (const double* number = std::get_if<double>(&is)) return *number;
  if (const bool* flag = std::get_if<bool>(&is)) return *flag ? 1 : 0;
  return static_cast<double>(dim()->value());
}

Dim RowNumber::to_dim() const {
  if (const Dim* number = dim()) return *number;
  double number = to_double();
  if (std::trunc(number) != number) throw std::logic_error("a row uses " + std::to_string(number) + " as an integer");
  return Dim(static_cast<std::int64_t>(number));
}

std::optional<RowNumber> fold(const std::string& op, const RowNumber& a, const RowNumber& b) {
  if ((op == "eq" || op == "ne") && (a.is_symbolic() || b.is_symbolic())) {
    bool equal = !a.is_float() && !b.is_float() && a.to_dim() == b.to_dim();
    return RowNumber{equal == (op == "eq"), {}};
  }
  if (auto found = comparison_table().find(op); found != comparison_table().end()) {
    return RowNumber{found->second(a.to_double(), b.to_double()), {}};
  }
  if (!a.is_float() && !b.is_float()) {
    if (std::optional<Dim> dim = fold_dims(op, a.to_dim(), b.to_dim()))
      return RowNumber{*dim, result_dtype(a.dtype, b.dtype, false)};
  }
  if (a.is_symbolic() || b.is_symbolic()) return std::nullopt;  // with a fraction: when the model runs
  auto found = float_table().find(op);
  if (found == float_table().end()) return std::nullopt;
  return RowNumber{found->second(a.to_double(), b.to_double()), result_dtype(a.dtype, b.dtype, true)};
}

std::optional<RowNumber> fold(const std::string& op, const RowNumber& a) {
  if (op == "not") return RowNumber{a.to_double() == 0, {}};
  if (op == "neg" && !a.is_float()) return RowNumber{-a.to_dim(), a.dtype};
  auto found = unary_table().find(op);
  if (found == unary_table().end()) return std::nullopt;
  return RowNumber{found->second(a.to_double()), result_dtype(a.dtype, {}, true)};
}

}  // namespace torch2nnef
