// Integers that are known at export: rules of known_forms.cc.
#pragma once

#include <optional>

#include "export/simplify/graph_so_far.h"

namespace torch2nnef {

// The sum, difference or product of small integer tensors of the archive, or of one and a number, as a tensor of the
// archive.
std::optional<nnef::Value> as_constant(GraphSoFar& graph, const nnef::Operation& operation);

// All items of a list in their order: the list in another shape.
std::optional<nnef::Value> without_order(GraphSoFar& graph, const nnef::Operation& gather);

}  // namespace torch2nnef
