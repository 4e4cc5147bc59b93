// Expressions of sizes, as the file has them: sympy's srepr ("Add(Symbol('s77', integer=True), Integer(1))") for sizes,
// Python ("L['x'].size()[1] % 2 == 0") for guards. No torch here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/dim/dim.h"

namespace torch2nnef {

struct Expression {
  enum class Op : std::uint8_t {
    kInteger,
    kReal,
    kSymbol,
    kAdd,
    kMul,
    kPow,
    kFloorDiv,
    kMod,
    kMax,
    kMin,
    kTrueDiv,
    kToFloat,
    kTrunc,
    kFloor,
    kCeil,
    kSqrt,
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kAnd,
    kOr,
    kNot,
  };
  Op op = Op::kInteger;
  std::int64_t integer = 0;
  double real = 0;
  std::string symbol;  // its name; in a guard the text that stands for a size: "L['x'].size()[1]"
  std::vector<Expression> arguments;

  static Expression number(std::int64_t value);
  static Expression of(Op op, std::vector<Expression> arguments);
  bool is_symbol() const { return op == Op::kSymbol; }
  void collect_symbols(std::set<std::string>& names) const;
};

// Reads srepr. Throws nnef::FormatError for what is not of that form, for functions that are not known, and for more
// than 100 levels.
Expression parse_srepr(std::string_view text);

// Reads an expression of Python's, of what torch writes in guards and in the keys of range constraints. Throws as
// above.
Expression parse_python(std::string_view text);

// The number, or 0 or 1 of a condition. nullopt where it has none: a symbol that is not bound, a division by zero, an
// overflow.
std::optional<double> evaluate(const Expression& expression, const nnef::Bindings& sizes);

// The same as a Dim, with `names` in the place of its symbols; nullopt where a Dim cannot say it.
std::optional<nnef::Dim> to_dim(const Expression& expression, const std::map<std::string, nnef::Dim>& names);

// In Python, for messages and constraints; `names` replace symbols.
std::string to_text(const Expression& expression, const std::map<std::string, std::string>& names);

}  // namespace torch2nnef
