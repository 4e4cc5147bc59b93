#include "nnef/text/text_fold.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace nnef {
namespace {

constexpr std::size_t kMaxArray = std::size_t{1}
                                  << 22;     // items that `*` may make: a short text must not fill the memory
constexpr std::size_t kMaxProduct = 100000;  // characters of symbolic factors, likewise

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error(message); }

const char* kind_name(const Argument& argument) {
  constexpr const char* kNames[] = {"a tensor", "an integer", "a scalar", "a logical", "a string", "an array"};
  return kNames[argument.is.index()];
}

Argument fold_dims(const std::string& symbol, const Dim& a, const Dim& b) {
  if (symbol == "+") return a + b;
  if (symbol == "-") return a - b;
  if (symbol == "*") {
    if (!a.is_constant() && !b.is_constant() && a.to_string().size() * b.to_string().size() > kMaxProduct) {
      fail("the product of sizes is too large an expression");
    }
    return a * b;
  }
  if (symbol == "/") {
    // Engines round the quotient of negative integers in different ways.
    const bool negative = a.constant().value_or(0) < 0 || b.constant().value_or(1) < 0;
    if (negative && exact_div(a, b) == std::nullopt) fail("the division of negative integers is not exact");
    return floor_div(a, b);
  }
  if (symbol == "==" && a == b) return true;
  if (symbol == "!=" && a == b) return false;
  if (!a.is_constant() || !b.is_constant()) fail("'" + symbol + "' of sizes that are not known");
  const std::int64_t x = a.value(), y = b.value();
  if (symbol == "==") return x == y;
  if (symbol == "!=") return x != y;
  if (symbol == "<") return x < y;
  if (symbol == "<=") return x <= y;
  if (symbol == ">") return x > y;
  if (symbol == ">=") return x >= y;
  fail("'" + symbol + "' is not defined for integers");
}

Argument fold_scalars(const std::string& symbol, double a, double b) {
  if (symbol == "+") return a + b;
  if (symbol == "-") return a - b;
  if (symbol == "*") return a * b;
  if (symbol == "/") return a / b;
  if (symbol == "^") return std::pow(a, b);
  if (symbol == "==") return a == b;
  if (symbol == "!=") return a != b;
  if (symbol == "<") return a < b;
  if (symbol == "<=") return a <= b;
  if (symbol == ">") return a > b;
  if (symbol == ">=") return a >= b;
  fail("'" + symbol + "' is not defined for scalars");
}

Argument repeat(const Argument::Array& array, const Dim& count) {
  if (!count.is_constant() || count.value() < 0) fail("an array cannot be repeated " + count.to_string() + " times");
  std::size_t items = 0;
  for (const Argument& item : array.items) items += 1 + deep_size(item);
  if (items > 0 && static_cast<std::uint64_t>(count.value()) > kMaxArray / items)
    fail("the repeated array is too long");
  Argument::Array result;
  for (std::int64_t i = 0; i < (items > 0 ? count.value() : 0); ++i) {
    result.items.insert(result.items.end(), array.items.begin(), array.items.end());
  }
  return result;
}

Argument join(const Argument::Array& a, const Argument::Array& b) {
  Argument::Array result = a;
  result.items.insert(result.items.end(), b.items.begin(), b.items.end());
  return result;
}

Argument to_integer(const Argument& argument) {
  if (argument.dim()) return argument;
  if (const bool* logical = std::get_if<bool>(&argument.is)) return *logical ? 1 : 0;
  const double* number = std::get_if<double>(&argument.is);
  if (!number) fail("integer() of " + std::string(kind_name(argument)));
  if (!(std::abs(*number) < 0x1p63)) fail("integer() of a number that does not fit");
  return static_cast<std::int64_t>(*number);
}

Argument to_scalar(const Argument& argument) {
  if (std::holds_alternative<double>(argument.is)) return argument;
  if (const bool* logical = std::get_if<bool>(&argument.is)) return *logical ? 1.0 : 0.0;
  const Dim* dim = argument.dim();
  if (!dim || !dim->is_constant())
    fail("scalar() of " + std::string(dim ? "a size that is not known" : kind_name(argument)));
  return static_cast<double>(dim->value());
}

Argument to_logical(const Argument& argument) {
  if (std::holds_alternative<bool>(argument.is)) return argument;
  return std::get<double>(to_scalar(argument).is) != 0.0;
}

Argument read_integer(const std::string& text) {
  std::int64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size())
    fail("the integer " + text + " does not fit in 64 bits");
  return number;
}

Argument read_float(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  double number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) fail("the number " + text + " is out of range");
  return number;
}

}  // namespace

std::optional<Argument> read_item(const Expression& literal) {
  switch (literal.kind) {
    case Expression::Kind::kInteger:
      return read_integer(literal.text);
    case Expression::Kind::kFloat:
      return read_float(literal.text);
    case Expression::Kind::kString:
      return Argument(literal.text);
    case Expression::Kind::kLogical:
      return Argument(literal.text == "true");
    default:
      return std::nullopt;
  }
}

std::size_t deep_size(const Argument& argument) {
  const Argument::Array* array = argument.array();
  if (!array) return 0;
  std::size_t size = array->items.size();
  for (const Argument& item : array->items) size += deep_size(item);
  return size;
}

Argument fold_unary(const std::string& symbol, const Argument& operand) {
  if (const Dim* dim = operand.dim(); dim && symbol != "!") return symbol == "-" ? -*dim : *dim;
  if (const double* number = std::get_if<double>(&operand.is); number && symbol != "!")
    return symbol == "-" ? -*number : *number;
  if (const bool* logical = std::get_if<bool>(&operand.is); logical && symbol == "!") return !*logical;
  fail("'" + symbol + "' is not defined for " + kind_name(operand));
}

bool equal_attributes(const Argument& left, const Argument& right) {
  const Graph none;
  return same_argument(none, left, none, right);
}

Argument fold_binary(const std::string& symbol, const Argument& left, const Argument& right) {
  const auto *a = left.array(), *b = right.array();
  if (symbol == "in" && b) {
    return std::any_of(b->items.begin(), b->items.end(),
                       [&](const Argument& item) { return equal_attributes(left, item); });
  }
  if (left.dim() && right.dim()) return fold_dims(symbol, *left.dim(), *right.dim());
  const auto *x = std::get_if<double>(&left.is), *y = std::get_if<double>(&right.is);
  if (x && y) return fold_scalars(symbol, *x, *y);
  const auto *p = std::get_if<bool>(&left.is), *q = std::get_if<bool>(&right.is);
  if (p && q && symbol == "&&") return *p && *q;
  if (p && q && symbol == "||") return *p || *q;
  if (a && b && symbol == "+") return join(*a, *b);
  if (a && right.dim() && symbol == "*") return repeat(*a, *right.dim());
  if (left.is.index() == right.is.index() && (symbol == "==" || symbol == "!=")) {
    return equal_attributes(left, right) == (symbol == "==");
  }
  fail("'" + symbol + "' is not defined for " + kind_name(left) + " and " + kind_name(right));
}

bool is_fold_call(const std::string& name) {
  constexpr std::array<std::string_view, 6> kNames = {"integer", "scalar",    "logical",
                                                      "string",  "length_of", "range_of"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Argument fold_call(const std::string& name, const Argument& argument) {
  if (name == "integer") return to_integer(argument);
  if (name == "scalar") return to_scalar(argument);
  if (name == "logical") return to_logical(argument);
  const bool wrong = name == "string" ? !std::holds_alternative<std::string>(argument.is) : !argument.array();
  if (wrong) fail(name + "() of " + kind_name(argument));
  if (name == "string") return argument;
  const auto length = static_cast<std::int64_t>(argument.array()->items.size());
  if (name == "length_of") return length;
  std::vector<std::int64_t> range;
  for (std::int64_t i = 0; i < length; ++i) range.push_back(i);
  return range;
}

namespace {

void flatten(const Argument& argument, std::size_t depth, std::vector<std::int64_t>& shape, bool first,
             std::vector<const Argument*>& items) {
  const Argument::Array* array = argument.array();
  if (!array) {
    if (depth != shape.size()) fail("an array of a tensor's items has rows of different depth");
    return items.push_back(&argument);
  }
  if (array->is_tuple) fail("a tuple is given where a tensor is needed");
  const auto size = static_cast<std::int64_t>(array->items.size());
  if (first) {
    shape.push_back(size);
  } else if (depth >= shape.size() || shape[depth] != size) {
    fail("an array of a tensor's items has rows of different length");
  }
  for (std::size_t i = 0; i < array->items.size(); ++i) {
    flatten(array->items[i], depth + 1, shape, first && i == 0, items);
  }
}

}  // namespace

TensorDataPtr array_tensor(const Argument& array) {
  std::vector<std::int64_t> shape;
  std::vector<const Argument*> items;
  flatten(array, 0, shape, true, items);
  std::vector<std::byte> bytes;
  const std::size_t kind = items.empty() ? std::size_t{2} : items[0]->is.index();
  DType dtype = DType::kF32;
  const auto append = [&](const auto& item) {
    const auto* begin = reinterpret_cast<const std::byte*>(&item);
    bytes.insert(bytes.end(), begin, begin + sizeof item);
  };
  for (const Argument* item : items) {
    if (item->is.index() != kind) fail("the items of an array are of different kinds");
    if (const double* number = std::get_if<double>(&item->is)) {
      append(static_cast<float>(*number));
    } else if (const bool* logical = std::get_if<bool>(&item->is)) {
      dtype = DType::kBool;
      append(*logical);
    } else if (item->dim() && item->dim()->is_constant()) {
      dtype = DType::kI64;
      append(item->dim()->value());
    } else {
      fail("an array of " + std::string(kind_name(*item)) + "s is not a tensor");
    }
  }
  return std::make_shared<OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

bool same_argument(const Graph& left_graph, const Argument& left, const Graph& right_graph, const Argument& right) {
  if (left.is.index() != right.is.index()) return false;
  if (left.value()) return left_graph.info(*left.value()).name == right_graph.info(*right.value()).name;
  if (left.dim()) return *left.dim() == *right.dim();
  if (const double* number = std::get_if<double>(&left.is)) {
    const auto a = static_cast<float>(*number), b = static_cast<float>(std::get<double>(right.is));
    return a == b && std::signbit(a) == std::signbit(b);
  }
  if (const bool* logical = std::get_if<bool>(&left.is)) return *logical == std::get<bool>(right.is);
  if (const std::string* text = std::get_if<std::string>(&left.is)) return *text == std::get<std::string>(right.is);
  const Argument::Array &a = *left.array(), &b = *right.array();
  return a.is_tuple == b.is_tuple && a.items.size() == b.items.size() &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(),
                    [&](const Argument& x, const Argument& y) { return same_argument(left_graph, x, right_graph, y); });
}

}  // namespace nnef
