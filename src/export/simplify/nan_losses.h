// Operations that lose a NaN or an infinity in tract (nnef/dialect/quirks.def).
#pragma once

#include <set>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Whether the operation shows such a quirk in that release and computes in floats.
bool loses_nan(const nnef::Graph& graph, const nnef::Operation& operation, const nnef::Version& release);

// The first results of the operations that show such a quirk in the target and compute in floats. Those in the bodies
// of loops count for the loop.
std::set<nnef::Value> results_that_lose_nan(const nnef::Graph& graph, const nnef::Dialect& dialect);

}  // namespace torch2nnef
