// Dimension expressions: integers that may contain symbols, such as 2*S+1 or (H-1)/2+1.
//
// A Dim is a value in canonical form: a sum of integer multiples of products of atoms, an atom being a symbol, a floor
// division, a minimum or a maximum. Two expressions that are equal as polynomials over their atoms compare equal.
// Division is floor division as in Python; where sizes are not negative this is tract's `/` too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/api.h"

namespace nnef TORCH2NNEF_API {

// Thrown by Dim::value() when the expression contains a symbol.
class SymbolicDimError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Values of symbols, by name.
using Bindings = std::map<std::string, std::int64_t, std::less<>>;

class Dim {
 public:
  Dim() : Dim(0) {}
  Dim(std::int64_t value);                                   // NOLINT: integers are dimensions
  Dim(int value) : Dim(static_cast<std::int64_t>(value)) {}  // NOLINT

  // A symbol; the name is an NNEF identifier.
  static Dim symbol(std::string_view name);
  // Reads what to_string() writes: integers, symbols, + - * / ( ), min(a,b), max(a,b).
  // Throws std::invalid_argument with the position of the first thing that it cannot read.
  static Dim parse(std::string_view text);

  bool is_constant() const;
  // The number of a constant expression. Throws SymbolicDimError for any other.
  std::int64_t value() const;
  std::optional<std::int64_t> constant() const;

  // The number of the expression at given values of its symbols. Throws std::out_of_range if one is not bound.
  std::int64_t evaluate(const Bindings& bindings) const;
  // The expression with symbols replaced by expressions; unbound symbols stay.
  Dim substitute(const std::map<std::string, Dim, std::less<>>& replacements) const;
  std::set<std::string> symbols() const;

  // In tract's syntax: "3", "S", "2*S+1", "(S-1)/2+1", "min(3,S)". Deterministic.
  std::string to_string() const;

  Dim operator-() const;
  Dim& operator+=(const Dim& other);
  Dim& operator-=(const Dim& other);
  Dim& operator*=(const Dim& other);

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floor_div(const Dim& a, const Dim& b);  // throws std::domain_error when b is 0
  friend Dim ceil_div(const Dim& a, const Dim& b);
  friend Dim remainder(const Dim& a, const Dim& b);  // a - floor_div(a, b) * b, Python's sign rule
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);

  // Structural equality of canonical forms: true means equal at all sizes, false means not known to be.
  friend bool operator==(const Dim& a, const Dim& b);
  friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }

  struct Sum;  // canonical form, private to dim.cc

 private:
  explicit Dim(std::shared_ptr<const Sum> sum);
  std::int64_t constant_ = 0;       // used when sum_ is null
  std::shared_ptr<const Sum> sum_;  // null for constants, so that they cost nothing
};

Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
Dim remainder(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

// a / b when b divides a as a polynomial (every coefficient and factor cancels), else nullopt. The way to the -1 of a
// reshape: exact_div(2*S*3, 6) is S.
std::optional<Dim> exact_div(const Dim& a, const Dim& b);

// True when a division in the expression is by something that is no number. tract cannot compute those.
bool divides_by_symbols(const Dim& dim);

// True when the expression is >= 0 for all sizes >= 0; false means not known.
bool is_never_negative(const Dim& dim);

using Shape = std::vector<Dim>;

// Number of items: the product of the dims, 1 for rank 0.
Dim volume(const Shape& shape);
// "[1,3,2*S]"
std::string to_string(const Shape& shape);
std::vector<std::int64_t> evaluate(const Shape& shape, const Bindings& bindings);
Shape make_shape(const std::vector<std::int64_t>& sizes);

}  // namespace nnef
