// A graph as a drawing.
#pragma once

#include <string>

#include "nnef/graph.h"

namespace nnef {

// In graphviz's DOT: a box for each operation, with the weights that it reads and the type and shape of its results, an
// arrow for each value that another operation made, and a frame around each body of a loop.
std::string to_dot(const Graph& graph);

}  // namespace nnef
