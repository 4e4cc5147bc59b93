// What Khronos NNEF 1.0.5 asks of a document beyond what tract's dialect does. Internal to the check.
#pragma once

#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/dialect/validate.h"
#include "nnef/graph.h"
#include "nnef/text/syntax.h"

namespace nnef {

// Of the text: the version, the extensions that its syntax needs, attributes by name, literals of the declared kinds
// (1 is no scalar), no infinities.
std::vector<SyntaxError> khronos_text_problems(const DocumentSyntax& document, const Dialect& dialect);

// Of the graph: operands of the declared classes of item types, extents above zero, labels, the words that say how to
// treat borders.
std::vector<Problem> khronos_graph_problems(const Graph& graph, const Dialect& dialect);

}  // namespace nnef
