// Chains of reshapes, transposes and slices, and the products of rows between them, in fewer operations.
#pragma once

#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// A chain whose result something else reads is written in the shortest way (ItemOrder), where that adds no operation
// for those who read its middle. Results are the same bit for bit. Inputs, outputs, their names and dtypes stay, as
// does every Value's id. Returns, as use_known_forms() does, for each value that was added the result that it is for;
// followed by simplify(). Linear in the operations.
std::vector<nnef::Value> shorten_moves(nnef::Graph& graph, const nnef::Dialect& dialect);

// Rows that tract would trip over in a product with a constant become one axis (T-SPLIT-PRODUCT).
std::vector<nnef::Value> put_rows_in_one_axis(nnef::Graph& graph, const nnef::Dialect& dialect);

// A matrix product with a constant, and the bias behind it, are the same for each row. Moves of rows behind them go
// before them, or the other way round, where they then make one chain with others, or nothing. As above, but for the
// order in which the engine sums.
std::vector<nnef::Value> move_rows_before_products(nnef::Graph& graph, const nnef::Dialect& dialect);
std::vector<nnef::Value> move_rows_behind_products(nnef::Graph& graph, const nnef::Dialect& dialect);

// Products of many matrices, whose axis of matrices was merged from several ([B * heads, S, D]), and elementwise
// operations behind them, keep the axes apart. Nothing is changed where that gives no shorter graph.
std::vector<nnef::Value> split_batches(nnef::Graph& graph, const nnef::Dialect& dialect);

}  // namespace torch2nnef
