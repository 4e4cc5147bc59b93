// The part of an expression that is known when the text is read: numbers, logicals, strings and arrays of them.
// Internal to the text reader. Failures are std::runtime_error without a place; the reader adds it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nnef/graph.h"
#include "nnef/text/syntax.h"

namespace nnef {

// A number, a logical or a string; nothing for other expressions.
std::optional<Argument> read_item(const Expression& literal);

// Items in all, nested ones included.
std::size_t deep_size(const Argument& argument);

Argument fold_unary(const std::string& symbol, const Argument& operand);
// Arithmetic and comparison of two numbers of one kind, logic, + and * and `in` of arrays.
Argument fold_binary(const std::string& symbol, const Argument& left, const Argument& right);
// integer(x), scalar(x), logical(x), string(x), length_of(x), range_of(x).
bool is_fold_call(const std::string& name);
Argument fold_call(const std::string& name, const Argument& argument);
bool equal_attributes(const Argument& left, const Argument& right);

// The tensor that an array literal stands for: floats as f32, integers as i64, logicals; nested arrays as axes.
TensorDataPtr array_tensor(const Argument& array);

// What an operation on sizes gives (of a shape, its parts, arithmetic of them), or nothing when it is none. `sizes`
// gives what an operand holds, itself when that is not known.
std::optional<Argument> fold_sizes(const Graph& graph, const Operation& operation,
                                   const std::function<Argument(const Argument&)>& sizes);

// The padding of a window operator that is given none, or an empty list, which stand for "same"; nothing for other
// operations.
std::optional<Argument> automatic_padding(const Graph& graph, const Operation& operation);

// Whether two arguments say the same: values by name, floats as the f32 that the text holds.
bool same_argument(const Graph& left_graph, const Argument& left, const Graph& right_graph, const Argument& right);

}  // namespace nnef
