// What older releases of tract fail at or compute as something else, beyond the operators that they lack (the table of
// the dialect). Measured on 0.21.19, 0.22.4, 0.23.0 and 0.23.9.
#pragma once

#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef {

// Why the target must not be given this operation, as in "needs tract >= 0.23.0 for its reduction"; "" when it may.
// The operation's arguments are values of the graph, its results need not be.
std::string why_wrong(const Graph& graph, const Operation& operation, const Target& target);

// The first release of tract that is right about this operation, 0.0.0 when every release is.
Version first_right(const Graph& graph, const Operation& operation);

// What the target must know of sizes, as in "S >= 2": up to 0.22 the size of [0:2] of an axis of S items is
// min(S,2)-min(S,0) to tract, which is not 2 where sizes are compared, unless it knows better (T-SLICE-LENGTH).
std::vector<std::string> assertions_about_slices(const Graph& graph, const Target& target);

}  // namespace nnef
