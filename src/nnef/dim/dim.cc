// Sums and products of dimension expressions, and what they evaluate to.
#include "nnef/dim/dim.h"

#include <algorithm>
#include <utility>

#include "nnef/dim/dim_sum.h"

namespace nnef {

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw std::overflow_error("a dimension does not fit in 64 bits");
  return result;
}

std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw std::overflow_error("a dimension does not fit in 64 bits");
  return result;
}

bool DimProductOrder::operator()(const DimProduct& a, const DimProduct& b) const {
  if (a.atoms.size() != b.atoms.size()) return a.atoms.size() > b.atoms.size();
  for (std::size_t i = 0; i < a.atoms.size(); ++i) {
    if (a.atoms[i] == b.atoms[i]) continue;
    if (int order = a.atoms[i]->key.compare(b.atoms[i]->key); order != 0) return order < 0;
  }
  return false;
}

DimProduct multiply(const DimProduct& a, const DimProduct& b) {
  DimProduct result;
  std::merge(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end(), std::back_inserter(result.atoms),
             [](const DimAtomPtr& x, const DimAtomPtr& y) { return x->key < y->key; });
  return result;
}

std::optional<DimProduct> divide(const DimProduct& a, const DimProduct& b) {
  DimProduct result;
  std::size_t next = 0;
  for (const DimAtomPtr& atom : a.atoms) {
    if (next < b.atoms.size() && b.atoms[next]->key == atom->key) {
      ++next;
    } else {
      result.atoms.push_back(atom);
    }
  }
  if (next != b.atoms.size()) return std::nullopt;
  return result;
}

Dim::Sum Dim::Sum::of(const Dim& dim) {
  if (dim.sum_) return *dim.sum_;
  Sum sum;
  sum.add(DimProduct{}, dim.constant_);
  return sum;
}

Dim Dim::Sum::make(Sum sum) {
  sum.settle_halves();
  if (sum.terms.empty()) return Dim(0);
  if (sum.terms.size() == 1 && sum.terms.begin()->first.atoms.empty()) return Dim(sum.terms.begin()->second);
  return Dim(std::make_shared<const Sum>(std::move(sum)));
}

Dim Dim::Sum::atom(DimAtom::Kind kind, std::string key, std::vector<Dim> operands) {
  Sum sum;
  DimAtom atom{kind, std::move(key), std::move(operands)};
  sum.add(DimProduct{{std::make_shared<const DimAtom>(std::move(atom))}}, 1);
  return Dim(std::make_shared<const Sum>(std::move(sum)));
}

void Dim::Sum::add(const DimProduct& product, std::int64_t coefficient) {
  if (coefficient == 0) return;
  auto [place, inserted] = terms.try_emplace(product, coefficient);
  if (inserted) return;
  place->second = checked_add(place->second, coefficient);
  if (place->second == 0) terms.erase(place);
}

Dim::Dim(std::int64_t value) : constant_(value) {}

Dim::Dim(std::shared_ptr<const Sum> sum) : sum_(std::move(sum)) {}

Dim Dim::symbol(std::string_view name) { return Sum::atom(DimAtom::Kind::kSymbol, std::string(name), {}); }

bool Dim::is_constant() const { return sum_ == nullptr; }

std::int64_t Dim::value() const {
  if (sum_) throw SymbolicDimError("the dimension " + to_string() + " is symbolic and has no number");
  return constant_;
}

std::optional<std::int64_t> Dim::constant() const {
  if (sum_) return std::nullopt;
  return constant_;
}

namespace {

std::int64_t evaluate_atom(const DimAtom& atom, const Bindings& bindings) {
  if (atom.kind == DimAtom::Kind::kSymbol) {
    auto place = bindings.find(atom.key);
    if (place == bindings.end()) throw std::out_of_range("the symbol " + atom.key + " has no value");
    return place->second;
  }
  std::int64_t result = atom.operands.at(0).evaluate(bindings);
  for (std::size_t i = 1; i < atom.operands.size(); ++i) {
    std::int64_t other = atom.operands[i].evaluate(bindings);
    if (atom.kind == DimAtom::Kind::kFloorDiv) result = floor_div_numbers(result, other);
    if (atom.kind == DimAtom::Kind::kMin) result = std::min(result, other);
    if (atom.kind == DimAtom::Kind::kMax) result = std::max(result, other);
  }
  return result;
}

Dim substitute_atom(const DimAtom& atom, const DimAtomPtr& self,
                    const std::map<std::string, Dim, std::less<>>& replacements) {
  if (atom.kind == DimAtom::Kind::kSymbol) {
    auto place = replacements.find(atom.key);
    if (place != replacements.end()) return place->second;
    Dim::Sum same;
    same.add(DimProduct{{self}}, 1);
    return Dim::Sum::make(std::move(same));
  }
  Dim result = atom.operands.at(0).substitute(replacements);
  for (std::size_t i = 1; i < atom.operands.size(); ++i) {
    Dim other = atom.operands[i].substitute(replacements);
    if (atom.kind == DimAtom::Kind::kFloorDiv) result = floor_div(result, other);
    if (atom.kind == DimAtom::Kind::kMin) result = min(result, other);
    if (atom.kind == DimAtom::Kind::kMax) result = max(result, other);
  }
  return result;
}

void collect_symbols(const Dim& dim, std::set<std::string>& names) {
  for (const auto& [product, coefficient] : Dim::Sum::of(dim).terms) {
    for (const DimAtomPtr& atom : product.atoms) {
      if (atom->kind == DimAtom::Kind::kSymbol) names.insert(atom->key);
      for (const Dim& operand : atom->operands) collect_symbols(operand, names);
    }
  }
}

}  // namespace

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  if (!sum_) return constant_;
  std::int64_t total = 0;
  for (const auto& [product, coefficient] : sum_->terms) {
    std::int64_t term = coefficient;
    for (const DimAtomPtr& atom : product.atoms) term = checked_mul(term, evaluate_atom(*atom, bindings));
    total = checked_add(total, term);
  }
  return total;
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& replacements) const {
  if (!sum_) return *this;
  Dim total;
  for (const auto& [product, coefficient] : sum_->terms) {
    Dim term = coefficient;
    for (const DimAtomPtr& atom : product.atoms) term *= substitute_atom(*atom, atom, replacements);
    total += term;
  }
  return total;
}

std::set<std::string> Dim::symbols() const {
  std::set<std::string> names;
  if (sum_) collect_symbols(*this, names);
  return names;
}

Dim Dim::operator-() const { return *this * Dim(-1); }

Dim& Dim::operator+=(const Dim& other) { return *this = *this + other; }
Dim& Dim::operator-=(const Dim& other) { return *this = *this - other; }
Dim& Dim::operator*=(const Dim& other) { return *this = *this * other; }

TORCH2NNEF_API Dim operator+(const Dim& a, const Dim& b) {
  if (!a.sum_ && !b.sum_) return Dim(checked_add(a.constant_, b.constant_));
  Dim::Sum sum = Dim::Sum::of(a);
  for (const auto& [product, coefficient] : Dim::Sum::of(b).terms) sum.add(product, coefficient);
  return Dim::Sum::make(std::move(sum));
}

TORCH2NNEF_API Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

TORCH2NNEF_API Dim operator*(const Dim& a, const Dim& b) {
  if (!a.sum_ && !b.sum_) return Dim(checked_mul(a.constant_, b.constant_));
  Dim::Sum left = Dim::Sum::of(a);
  Dim::Sum right = Dim::Sum::of(b);
  Dim::Sum sum;
  for (const auto& [x, m] : left.terms) {
    for (const auto& [y, n] : right.terms) sum.add(multiply(x, y), checked_mul(m, n));
  }
  return Dim::Sum::make(std::move(sum));
}

TORCH2NNEF_API bool operator==(const Dim& a, const Dim& b) {
  if (!a.sum_ || !b.sum_) return !a.sum_ && !b.sum_ && a.constant_ == b.constant_;
  if (a.sum_ == b.sum_) return true;
  if (a.sum_->terms.size() != b.sum_->terms.size()) return false;
  DimProductOrder less;
  return std::equal(a.sum_->terms.begin(), a.sum_->terms.end(), b.sum_->terms.begin(),
                    [&](const auto& x, const auto& y) {
                      return x.second == y.second && !less(x.first, y.first) && !less(y.first, x.first);
                    });
}

Dim volume(const Shape& shape) {
  Dim result = 1;
  for (const Dim& dim : shape) result *= dim;
  return result;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const Dim& dim : shape) {
    if (text.size() > 1) text += ',';
    text += dim.to_string();
  }
  return text + "]";
}

std::vector<std::int64_t> evaluate(const Shape& shape, const Bindings& bindings) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(shape.size());
  for (const Dim& dim : shape) sizes.push_back(dim.evaluate(bindings));
  return sizes;
}

Shape make_shape(const std::vector<std::int64_t>& sizes) { return Shape(sizes.begin(), sizes.end()); }

}  // namespace nnef
