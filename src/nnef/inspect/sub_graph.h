// A part of a graph as a graph of its own.
#pragma once

#include <cstddef>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef {

// The operations of `graph` at `kept` (indices, ascending), with `outputs` as results. Values that they read and none
// of them makes become inputs of the same name, dtype and shape; variables are taken along. Values keep their ids.
Graph sub_graph(const Graph& graph, const std::vector<std::size_t>& kept, const std::vector<Value>& outputs,
                const Dialect& dialect);

// The operations that `values` need, variables and inputs left out, ascending.
std::vector<std::size_t> needed_operations(const Graph& graph, const std::vector<Value>& values);

// The values that an operation reads, those in arrays included.
std::vector<Value> values_read_by(const Operation& operation);

// Declares an input, makes a variable: no operation that computes.
bool is_source(const Operation& operation);

}  // namespace nnef
