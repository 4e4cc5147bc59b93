// Rotary position embedding as tract's operator.
#pragma once

#include <optional>

#include "export/simplify/graph_so_far.h"

namespace torch2nnef {

// x * cos + concat(-(the last half of x), the first half) * sin, by one operation of tract_transformers: a rule of
// known_forms.cc for `add`.
std::optional<nnef::Value> as_rotated(GraphSoFar& graph, const nnef::Operation& operation);

}  // namespace torch2nnef
