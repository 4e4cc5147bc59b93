// Sizes at which an archive is tried beyond those of the recording: the ends of what it states, and each side of a size
// at which an expression changes.
#pragma once

#include <vector>

#include "export/sizes/constraints.h"
#include "nnef/graph.h"

namespace torch2nnef {

// The least size of every symbol, and of each min() and max() over one symbol in the shapes of the graph the last size
// on one side and the first on the other (63, 64, 65 of min(64,T)); other symbols as in `sample`. Not more than eight,
// none of those in `known`, none that `bounds` exclude or that makes the inputs more than four times as large.
std::vector<nnef::Bindings> boundary_sizes(const nnef::Graph& graph, const LearntBounds& bounds,
                                           const nnef::Bindings& sample, const std::vector<nnef::Bindings>& known);

}  // namespace torch2nnef
