// What the sizes of a graph must be for its operations to run.
#pragma once

#include <cstdint>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

// size >= least
struct SizeCondition {
  Dim size;
  std::int64_t least = 0;
};

// Of the operations in their order, each once: no length is negative; slices, mirrored borders, topk and places that
// are constants or ranges stay within their axis; and nothing is empty but for operations that only move items or
// compute item by item (the engine stops at a sum over none). Numbers are left out.
std::vector<SizeCondition> conditions_of(const Graph& graph);

}  // namespace nnef
