// What differs between two archives, line by line.
#pragma once

#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef {

// Lines beginning with "- " for what only `a` has and "+ " for what only `b` has; a tensor whose items differ is one
// line beginning with "! ". Operations are matched by the name of their first result, tensors by label; an order that
// differs is not told. Empty when nothing differs. Both graphs with their tensors' data.
std::vector<std::string> graph_differences(const Graph& a, const Graph& b, const Dialect& dialect);

}  // namespace nnef
