// Deliberate defects of the kinds that a wrong lowering of quantised operators makes.
#pragma once

#include "mutations.h"

namespace mutation_tests {

// Every one that can be made of a graph, in the order of its operations.
std::vector<Mutation> quantised_mutations_of(const nnef::Graph& graph);

}  // namespace mutation_tests
