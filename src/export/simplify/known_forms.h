// Operations that are written in a form that the engine computes faster, or that says more in fewer statements.
#pragma once

#include <string_view>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Rewrites by the rules of a table, each of which has a name; results differ by rounding at most. Inputs, outputs,
// their names and dtypes stay, as does every Value's id. Followed by simplify(), which takes out what is of no more
// use. Returns, for each value that was added to the graph, the result that it is for. Linear in the operations.
std::vector<nnef::Value> use_known_forms(nnef::Graph& graph, const nnef::Dialect& dialect);

std::vector<std::string_view> known_form_names();

}  // namespace torch2nnef
