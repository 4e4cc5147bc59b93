// One deliberate defect in a graph, of the kinds that a wrong lowering makes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace mutation_tests {

struct Mutation {
  std::string kind;                  // "swapped operands"
  std::string what;                  // the statement that is changed
  std::vector<nnef::Value> changed;  // the values that are wrong first: results of what was changed, or its readers
  std::function<void(nnef::Graph&)> apply;
};

// Every mutation that can be made of a graph, in the order of its operations. Shapes that they change are not looked
// at.
std::vector<Mutation> mutations_of(const nnef::Graph& graph);

// The graph with the mutation, shapes and dtypes stated anew. False when it is no graph any more: an operation refuses
// what it is given, or an output has another shape or dtype, which any reader would see.
bool mutate(const Mutation& mutation, const nnef::Dialect& dialect, nnef::Graph& graph);

}  // namespace mutation_tests
