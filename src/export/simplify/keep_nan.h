// Operations that lose a NaN or an infinity in tract, written so that they keep it.
#pragma once

#include <set>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct KeptNan {
  std::set<nnef::Value> lost;          // results_that_lose_nan() of the operations that have no such form
  std::vector<nnef::Value> added_for;  // of each value that was added to the graph, the result that it is for
};

// Adds to each such operation what puts the lost items back: results keep their values and names. Those in the bodies
// of loops, too, where that takes no tensor of the archive.
KeptNan keep_nan(nnef::Graph& graph, const nnef::Dialect& dialect);

}  // namespace torch2nnef
