#include "nnef/builder/narrow_reshape.h"

#include <algorithm>

#include "nnef/dim/dim_sum.h"

namespace nnef {
namespace {

// The shape of a reshape that has all of it written out, without 0 and -1; null for any other operation.
Argument* whole_shape(const Graph& graph, Operation& operation) {
  if (operation.op != "reshape" || operation.find("axis_start") || operation.find("axis_count")) return nullptr;
  const auto named = std::find_if(operation.arguments.begin(), operation.arguments.end(),
                                  [](const NamedArgument& argument) { return argument.name == "shape"; });
  if (named == operation.arguments.end() || named->argument.array() == nullptr) return nullptr;
  const auto& items = named->argument.array()->items;
  const Shape& result = graph.info(operation.results.at(0)).shape;
  const bool is_whole = items.size() == result.size() &&
                        std::equal(items.begin(), items.end(), result.begin(), [](const Argument& a, const Dim& b) {
                          return a.dim() != nullptr && *a.dim() == b && b != Dim(0);
                        });
  return is_whole ? &named->argument : nullptr;
}

bool is_half(const DimAtom& atom) { return atom.kind == DimAtom::Kind::kFloorDiv && atom.operands[1] == Dim(2); }

// Sums of products with floored halves have several forms, since floor(n / 2) + floor((n + 1) / 2) = n.
bool has_other_forms(const Dim& dim) {
  if (dim.is_constant()) return false;
  const Dim::Sum sum = Dim::Sum::of(dim);
  return sum.terms.size() > 1 && std::any_of(sum.terms.begin(), sum.terms.end(), [](const auto& term) {
           const auto& atoms = term.first.atoms;
           return atoms.size() > 1 &&
                  std::any_of(atoms.begin(), atoms.end(), [](const DimAtomPtr& atom) { return is_half(*atom); });
         });
}

bool any_symbolic(Shape::const_iterator begin, Shape::const_iterator end) {
  return std::any_of(begin, end, [](const Dim& dim) { return !dim.is_constant(); });
}

void narrow(const Graph& graph, Operation& operation) {
  Argument* shape = whole_shape(graph, operation);
  const Value* input = operation.arguments.front().argument.value();
  if (shape == nullptr || input == nullptr) return;
  const Shape from = graph.info(*input).shape, to = graph.info(operation.results[0]).shape;
  if (from.empty() || to.empty()) return;
  const ChangedAxes changed = changed_axes(from, to);
  Shape part(to.begin() + changed.begin, to.begin() + changed.end_of_to);
  if (std::count_if(part.begin(), part.end(), has_other_forms) == 1) {
    std::replace_if(part.begin(), part.end(), has_other_forms, Dim(-1));
  }
  const bool keeps_symbols =
      any_symbolic(to.begin(), to.begin() + changed.begin) || any_symbolic(to.begin() + changed.end_of_to, to.end());
  if (keeps_symbols) {
    *shape = Argument(part);
    operation.arguments.push_back({"axis_start", Argument(std::int64_t{changed.begin})});
    operation.arguments.push_back({"axis_count", Argument(std::int64_t{changed.end_of_from - changed.begin})});
  } else {
    Shape whole = to;
    std::copy(part.begin(), part.end(), whole.begin() + changed.begin);
    *shape = Argument(whole);
  }
}

}  // namespace

ChangedAxes changed_axes(const Shape& from, const Shape& to) {
  ChangedAxes changed{0, std::ssize(from), std::ssize(to)};
  const std::ptrdiff_t shorter = std::min(changed.end_of_from, changed.end_of_to);
  while (changed.begin < shorter - 1 && from.begin()[changed.begin] == to.begin()[changed.begin]) ++changed.begin;
  while (std::min(changed.end_of_from, changed.end_of_to) > changed.begin + 1 &&
         from.begin()[changed.end_of_from - 1] == to.begin()[changed.end_of_to - 1]) {
    --changed.end_of_from;
    --changed.end_of_to;
  }
  return changed;
}

void narrow_reshapes(Graph& graph) {
  for (Operation& operation : graph.operations) {
    if (!operation.arguments.empty() && !operation.results.empty()) narrow(graph, operation);
  }
}

}  // namespace nnef
