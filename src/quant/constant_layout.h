// Lays big constants out so that every release of tract folds and packs them once, not on every run.
#pragma once

#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Two things are written otherwise; results keep their values and names:
//   a cast of a constant to more than 4 MiB: pieces of it are cast and joined (T-CONSTANT-CAST)
//   a matrix of more than 4 MiB that is both a factor and something else, as a tied embedding is: the product is made
//   of two halves of the matrix (T-CONSTANT-SHARED)
// Returns, of each value that was added to the graph, the one that it is for. Linear in the size of the graph.
std::vector<nnef::Value> lay_out_constants(nnef::Graph& graph, const nnef::Target& target);

}  // namespace torch2nnef
