// The canonical form behind nnef::Dim, shared by the files that implement it. Not part of the interface.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nnef/dim/dim.h"

namespace nnef {

// Something that a product treats as one unknown. Equal keys mean equal atoms.
struct DimAtom {
  enum class Kind { kSymbol, kFloorDiv, kMin, kMax };
  Kind kind;
  std::string key;            // the text of the atom, unique by canonical form; the name of a symbol
  std::vector<Dim> operands;  // numerator and divisor, or the sides of min and max; none for a symbol
};
using DimAtomPtr = std::shared_ptr<const DimAtom>;

// A product of atoms, sorted by key; empty for the constant term.
struct DimProduct {
  std::vector<DimAtomPtr> atoms;
};

// Graded lexicographic order with the highest degree first: a monomial order, so polynomial division ends.
struct DimProductOrder {
  bool operator()(const DimProduct& a, const DimProduct& b) const;
};

struct Dim::Sum {
  std::map<DimProduct, std::int64_t, DimProductOrder> terms;  // no zero coefficients

  // The sum of any expression, constants included.
  static Sum of(const Dim& dim);
  // Folds to a constant where it is one.
  static Dim make(Sum sum);
  static Dim atom(DimAtom::Kind kind, std::string key, std::vector<Dim> operands);
  void add(const DimProduct& product, std::int64_t coefficient);
  // Of floor(n/2) and floor((n+1)/2), which add up to n, leaves at most one, with a positive coefficient: so that
  // S-S/2 is (S+1)/2. (tract reads S-S/2 as S/2: T-SIZE-HALF.)
  void settle_halves();
};

DimProduct multiply(const DimProduct& a, const DimProduct& b);
// a / b when every atom of b is in a.
std::optional<DimProduct> divide(const DimProduct& a, const DimProduct& b);

// Arithmetic that throws std::overflow_error instead of wrapping.
std::int64_t checked_add(std::int64_t a, std::int64_t b);
std::int64_t checked_mul(std::int64_t a, std::int64_t b);
std::int64_t floor_div_numbers(std::int64_t a, std::int64_t b);

}  // namespace nnef
