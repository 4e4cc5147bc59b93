// Operations on tensors that repeat their items along an axis: on those items alone.
#pragma once

#include <optional>

#include "export/simplify/graph_so_far.h"

namespace torch2nnef {

// Takes note of what a broadcast repeats: an operand with axes of 1, or a number, which it still is after moves.
std::optional<nnef::Value> note_broadcast(GraphSoFar& graph, const nnef::Operation& operation);

// The same elementwise operation, or any_reduce, on what its operands repeat. Where its result repeats items, too,
// takes note of that, so that whoever reads it may do the same.
std::optional<nnef::Value> with_narrow_operands(GraphSoFar& graph, const nnef::Operation& operation);

}  // namespace torch2nnef
