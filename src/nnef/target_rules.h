// What older releases of tract take without a word and compute as something else, beyond the operators that they lack
// (the table of the dialect). Measured on 0.21.19, 0.22.4 and 0.23.9.
#pragma once

#include <string>

#include "nnef/dialect.h"
#include "nnef/graph.h"

namespace nnef {

// Why the target must not be given this operation, as in "needs tract >= 0.23.0 for its reduction"; "" when it may.
// The operation's arguments are values of the graph, its results need not be.
std::string why_wrong(const Graph& graph, const Operation& operation, const Target& target);

}  // namespace nnef
