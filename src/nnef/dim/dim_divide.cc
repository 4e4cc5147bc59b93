// Division, minimum and maximum of dimension expressions: where the canonical form is decided.
#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "nnef/dim/dim.h"
#include "nnef/dim/dim_parts.h"
#include "nnef/dim/dim_sum.h"

namespace nnef {

std::int64_t floor_div_numbers(std::int64_t a, std::int64_t b) {
  if (b == 0) throw std::domain_error("a dimension is divided by zero");
  if (b == -1) return checked_mul(a, -1);
  std::int64_t quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

namespace {

using Kind = DimAtom::Kind;

// The atom that a term consists of, if it is one floor division times 1.
const DimAtom* single_division(const DimProduct& product, std::int64_t coefficient) {
  if (coefficient != 1 || product.atoms.size() != 1 || product.atoms[0]->kind != Kind::kFloorDiv) return nullptr;
  return product.atoms[0]->operands[1].is_constant() ? product.atoms[0].get() : nullptr;
}

Dim division_atom(const Dim& numerator, const Dim& divisor) {
  std::string text = "(" + numerator.to_string() + ")/(" + divisor.to_string() + ")";
  return Dim::Sum::atom(Kind::kFloorDiv, std::move(text), {numerator, divisor});
}

// floor(rest / divisor), coefficients in 0 .. divisor-1, where the negative ones that they stand for are much smaller:
// floor((31*S+c)/32) is S-floor((S+31-c)/32), so that however a size is rounded up it reads (S+31)/32.
std::optional<Dim> divide_from_above(const Dim::Sum& rest, std::int64_t divisor) {
  std::int64_t below = 0, above = 0;
  Dim::Sum whole, missing;
  for (const auto& [product, coefficient] : rest.terms) {
    if (product.atoms.empty()) {
      missing.add(product, -coefficient);
      continue;
    }
    below = checked_add(below, coefficient);
    above = checked_add(above, divisor - coefficient);
    whole.add(product, 1);
    missing.add(product, divisor - coefficient);
  }
  if (above > below / 2) return std::nullopt;
  missing.add(DimProduct{}, divisor - 1);
  return Dim::Sum::make(std::move(whole)) - floor_div(Dim::Sum::make(std::move(missing)), divisor);
}

// floor(rest / divisor) where the coefficients of rest are in 0 .. divisor-1.
Dim divide_remainder(const Dim& rest, std::int64_t divisor) {
  const Dim::Sum sum = Dim::Sum::of(rest);
  // floor((floor(x / a) + y) / b) = floor((x + a * y) / (a * b)): chains of strided windows stay one division deep.
  for (const auto& [product, coefficient] : sum.terms) {
    const DimAtom* inner = single_division(product, coefficient);
    if (inner == nullptr) continue;
    Dim::Sum others = sum;
    others.terms.erase(product);
    const Dim& inner_divisor = inner->operands[1];
    return floor_div(inner->operands[0] + inner_divisor * Dim::Sum::make(std::move(others)), inner_divisor * divisor);
  }
  // floor((g * x + c) / (g * b)) = floor((x + floor(c / g)) / b)
  std::int64_t common = divisor;
  for (const auto& [product, coefficient] : sum.terms) {
    if (!product.atoms.empty()) common = std::gcd(common, coefficient);
  }
  if (common == 1) {
    if (std::optional<Dim> result = divide_from_above(sum, divisor)) return *result;
    return division_atom(rest, divisor);
  }
  Dim::Sum reduced;
  for (const auto& [product, coefficient] : sum.terms) {
    reduced.add(product, floor_div_numbers(coefficient, common));
  }
  Dim numerator = Dim::Sum::make(std::move(reduced));
  if (common == divisor) return numerator;
  return floor_div(numerator, divisor / common);
}

Dim divide_by_number(const Dim& a, std::int64_t divisor) {
  if (divisor < 0) return divide_by_number(-a, checked_mul(divisor, -1));
  if (divisor == 1) return a;
  Dim::Sum quotient;
  Dim::Sum rest;
  for (const auto& [product, coefficient] : Dim::Sum::of(a).terms) {
    std::int64_t whole = floor_div_numbers(coefficient, divisor);
    quotient.add(product, whole);
    rest.add(product, coefficient - whole * divisor);
  }
  Dim result = Dim::Sum::make(std::move(quotient));
  Dim remaining = Dim::Sum::make(std::move(rest));
  if (remaining.is_constant()) return result;  // 0 <= remaining < divisor
  return result + divide_remainder(remaining, divisor);
}

// The atoms that every term of both expressions has.
DimProduct common_atoms(const Dim::Sum& a, const Dim::Sum& b) {
  DimProduct common = a.terms.begin()->first;
  auto less = [](const DimAtomPtr& x, const DimAtomPtr& y) { return x->key < y->key; };
  for (const Dim::Sum* sum : {&a, &b}) {
    for (const auto& [product, coefficient] : sum->terms) {
      std::vector<DimAtomPtr> kept;
      std::set_intersection(common.atoms.begin(), common.atoms.end(), product.atoms.begin(), product.atoms.end(),
                            std::back_inserter(kept), less);
      common.atoms = std::move(kept);
    }
  }
  return common;
}

Dim without(const Dim::Sum& sum, const DimProduct& factor) {
  Dim::Sum result;
  for (const auto& [product, coefficient] : sum.terms) result.add(*divide(product, factor), coefficient);
  return Dim::Sum::make(std::move(result));
}

Dim divide_by_symbols(const Dim& a, const Dim& b) {
  if (std::optional<Dim> exact = exact_div(a, b)) return *exact;
  const Dim::Sum numerator = Dim::Sum::of(a);
  const Dim::Sum divisor = Dim::Sum::of(b);
  const DimProduct common = common_atoms(numerator, divisor);
  if (!common.atoms.empty()) return floor_div(without(numerator, common), without(divisor, common));
  return division_atom(a, b);
}

bool is_atom_never_negative(const DimAtom& atom) {
  auto never = [](const Dim& operand) { return is_never_negative(operand); };
  switch (atom.kind) {
    case Kind::kSymbol:
      return true;
    case Kind::kMax:
      return std::any_of(atom.operands.begin(), atom.operands.end(), never);
    case Kind::kFloorDiv:
    case Kind::kMin:
      return std::all_of(atom.operands.begin(), atom.operands.end(), never);
  }
  return false;
}

// True when no term can be negative.
bool has_no_negative_term(const Dim& dim) {
  for (const auto& [product, coefficient] : Dim::Sum::of(dim).terms) {
    if (coefficient < 0) return false;
    for (const DimAtomPtr& atom : product.atoms) {
      if (!is_atom_never_negative(*atom)) return false;
    }
  }
  return true;
}

constexpr int kMostBounds = 3;

// (n-q+1)/q <= floor(n/q) <= n/q: a division is replaced by its bound, the sum being multiplied by q; a whole number x
// with q*x > -q is not negative. So that what a size lacks to the next multiple, 2*((S+1)/2)-S, is known not to be.
bool is_never_negative_within(const Dim& dim, int bounds) {
  if (has_no_negative_term(dim)) return true;
  if (bounds == 0 || dim.is_constant()) return false;
  const Dim::Sum sum = Dim::Sum::of(dim);
  for (const auto& [product, coefficient] : sum.terms) {
    const DimAtom* atom = single_division(product, 1);
    if (atom == nullptr) continue;
    const Dim &numerator = atom->operands[0], &divisor = atom->operands[1];
    Dim::Sum others = sum;
    others.terms.erase(product);
    const Dim bound = coefficient > 0 ? numerator - divisor + 1 : numerator;
    const Dim scaled = Dim::Sum::make(std::move(others)) * divisor + bound * coefficient;
    if (is_never_negative_within(scaled + divisor - 1, bounds - 1)) return true;
  }
  return false;
}

// The operands of nested extrema of one kind.
void flatten(const Dim& dim, Kind kind, std::vector<Dim>& operands) {
  const Dim::Sum sum = Dim::Sum::of(dim);
  if (sum.terms.size() == 1 && sum.terms.begin()->second == 1 && sum.terms.begin()->first.atoms.size() == 1) {
    const DimAtom& atom = *sum.terms.begin()->first.atoms[0];
    if (atom.kind == kind) {
      operands.insert(operands.end(), atom.operands.begin(), atom.operands.end());
      return;
    }
  }
  operands.push_back(dim);
}

Dim extremum(Kind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> all;
  flatten(a, kind, all);
  flatten(b, kind, all);
  auto covers = [kind](const Dim& x, const Dim& y) {  // y is not needed beside x
    return is_never_negative(kind == Kind::kMax ? x - y : y - x);
  };
  std::vector<Dim> kept;
  for (const Dim& candidate : all) {
    if (std::any_of(kept.begin(), kept.end(), [&](const Dim& other) { return covers(other, candidate); })) continue;
    std::erase_if(kept, [&](const Dim& other) { return covers(candidate, other); });
    kept.push_back(candidate);
  }
  if (kept.size() == 1) return kept[0];
  std::sort(kept.begin(), kept.end(), [](const Dim& x, const Dim& y) {
    if (x.is_constant() != y.is_constant()) return x.is_constant();
    return x.to_string() < y.to_string();
  });
  // Calls of two, nested: in a graph.nnef these are operators, and tract passes over a third operand
  // (T-SIZE-MIN-OF-THREE).
  std::string text = kept[0].to_string();
  for (std::size_t i = 1; i < kept.size(); ++i) {
    text = (kind == Kind::kMin ? "min(" : "max(") + text + "," + kept[i].to_string() + ")";
  }
  return Dim::Sum::atom(kind, std::move(text), std::move(kept));
}

bool is_half(const DimAtom& atom) { return atom.kind == Kind::kFloorDiv && atom.operands[1] == Dim(2); }

// floor(n / 2) + floor((n + 1) / 2) = n relates the half that a product has at `place` to another: the product with
// that one instead, and what the two add up to.
struct HalfPair {
  DimProduct other, rest;
  Dim whole;
};

HalfPair pair_of(const DimProduct& product, std::size_t place) {
  const Dim& numerator = product.atoms[place]->operands[0];
  const Dim::Sum sum = Dim::Sum::of(numerator);
  const bool upper = sum.terms.rbegin()->first.atoms.empty();  // the constant, 0 or 1, comes last
  HalfPair pair{{}, product, upper ? numerator - 1 : numerator};
  pair.rest.atoms.erase(pair.rest.atoms.begin() + static_cast<std::ptrdiff_t>(place));
  const Dim other = division_atom(upper ? numerator - 1 : numerator + 1, 2);
  pair.other = multiply(pair.rest, Dim::Sum::of(other).terms.begin()->first);
  return pair;
}

// One step towards a sum in which a half has a positive coefficient and stands without its pair; false when it is one.
bool settle_one_half(Dim::Sum& sum) {
  for (const auto& [product, coefficient] : sum.terms) {
    for (std::size_t place = 0; place < product.atoms.size(); ++place) {
      if (!is_half(*product.atoms[place])) continue;
      const HalfPair pair = pair_of(product, place);
      const auto other = sum.terms.find(pair.other);
      if (coefficient > 0 && (other == sum.terms.end() || other->second < 0)) continue;
      const std::int64_t moved = coefficient < 0 ? coefficient : std::min(coefficient, other->second);
      const DimProduct self = product;  // the term itself goes away
      sum.add(self, -moved);
      sum.add(pair.other, -moved);
      for (const auto& [part, count] : Dim::Sum::of(pair.whole).terms) {
        sum.add(multiply(part, pair.rest), checked_mul(count, moved));
      }
      return true;
    }
  }
  return false;
}

// True when there are symbols, and none with a positive coefficient.
bool is_all_negative(const Dim& dim) {
  const Dim::Sum sum = Dim::Sum::of(dim);
  return std::all_of(sum.terms.begin(), sum.terms.end(),
                     [](const auto& term) { return term.first.atoms.empty() || term.second < 0; });
}

// Whether an atom of the expression, or of the operands of one, is such.
bool any_atom(const Dim& dim, const std::function<bool(const DimAtom&)>& is_such) {
  if (dim.is_constant()) return false;
  const auto within = [&](const Dim& operand) { return any_atom(operand, is_such); };
  for (const auto& [product, coefficient] : Dim::Sum::of(dim).terms) {
    for (const DimAtomPtr& atom : product.atoms) {
      if (is_such(*atom) || std::any_of(atom->operands.begin(), atom->operands.end(), within)) return true;
    }
  }
  return false;
}

}  // namespace

void Dim::Sum::settle_halves() {
  while (settle_one_half(*this)) continue;
}

bool is_never_negative(const Dim& dim) { return is_never_negative_within(dim, kMostBounds); }

bool divides_by_symbols(const Dim& dim) {
  return any_atom(dim,
                  [](const DimAtom& atom) { return atom.kind == Kind::kFloorDiv && !atom.operands[1].is_constant(); });
}

TORCH2NNEF_API Dim floor_div(const Dim& a, const Dim& b) {
  if (b.sum_) return divide_by_symbols(a, b);
  if (b.constant_ == 0) throw std::domain_error("the dimension " + a.to_string() + " is divided by zero");
  if (!a.sum_) return Dim(floor_div_numbers(a.constant_, b.constant_));
  if (b.constant_ > 0 && is_all_negative(a)) return -divide_by_number(-a + (b - 1), b.constant_);
  return divide_by_number(a, b.constant_);
}

// Divisors are positive where they are symbolic.
TORCH2NNEF_API Dim ceil_div(const Dim& a, const Dim& b) {
  if (b.constant().value_or(1) <= 0) return -floor_div(-a, b);
  if (b.sum_) {
    if (std::optional<Dim> exact = exact_div(a, b)) return *exact;
  }
  return floor_div(a + b - 1, b);
}

TORCH2NNEF_API Dim remainder(const Dim& a, const Dim& b) { return a - floor_div(a, b) * b; }

TORCH2NNEF_API Dim min(const Dim& a, const Dim& b) { return extremum(Kind::kMin, a, b); }

TORCH2NNEF_API Dim max(const Dim& a, const Dim& b) { return extremum(Kind::kMax, a, b); }

std::optional<Dim> exact_div(const Dim& a, const Dim& b) {
  const Dim::Sum divisor = Dim::Sum::of(b);
  if (divisor.terms.empty()) return std::nullopt;
  const auto& [lead, lead_coefficient] = *divisor.terms.begin();
  Dim rest = a;
  Dim quotient;
  while (rest != Dim(0)) {
    const Dim::Sum sum = Dim::Sum::of(rest);
    const auto& [product, coefficient] = *sum.terms.begin();
    std::optional<DimProduct> factor = divide(product, lead);
    if (!factor || coefficient % lead_coefficient != 0) return std::nullopt;
    Dim::Sum step;
    step.add(*factor, coefficient / lead_coefficient);
    Dim part = Dim::Sum::make(std::move(step));
    quotient += part;
    rest -= part * b;
  }
  return quotient;
}

bool is_rounded(const Dim& dim) {
  return any_atom(dim, [](const DimAtom& atom) { return atom.kind == Kind::kFloorDiv; });
}

std::pair<Dim, Dim> positive_and_negative(const Dim& dim) {
  Dim::Sum positive, negative;
  for (const auto& [product, coefficient] : Dim::Sum::of(dim).terms) {
    if (coefficient > 0) {
      positive.add(product, coefficient);
    } else {
      negative.add(product, -coefficient);
    }
  }
  return {Dim::Sum::make(std::move(positive)), Dim::Sum::make(std::move(negative))};
}

std::vector<Dim> differences_of_sides(const Dim& dim) {
  std::vector<Dim> differences;
  any_atom(dim, [&](const DimAtom& atom) {
    if (atom.kind != Kind::kMin && atom.kind != Kind::kMax) return false;
    for (std::size_t i = 1; i < atom.operands.size(); ++i) {
      differences.push_back(atom.operands[i] - atom.operands[i - 1]);
    }
    return false;
  });
  return differences;
}

}  // namespace nnef
