// Checks a graph against a dialect: every rule that a reader relies on, reported together.
#pragma once

#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef TORCH2NNEF_API {

// Sentences about what is wrong, empty when the graph is valid: unknown operators or arguments, missing arguments,
// names that are not identifiers or assigned twice, uses before definition, dtypes or shapes that differ from what
// inference gives, undeclared symbols and registries, inputs without external, variables without data, outputs listed
// twice.
std::vector<std::string> validate(const Graph& graph, const Dialect& dialect);

// The same without quantisation entries, and with the place: the index of the fragment, -1 for the graph, and that of
// the operation, -1 for the whole.
struct Problem {
  std::string text;
  int fragment = -1, operation = -1;
};
std::vector<Problem> find_problems(const Graph& graph, const Dialect& dialect);

}  // namespace nnef
