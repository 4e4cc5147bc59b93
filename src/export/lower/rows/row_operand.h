// What an expression of a row stands for while a call is expanded. Internal to the rows.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nnef/dim/dim.h"
#include "nnef/dtype.h"
#include "nnef/graph.h"

namespace torch2nnef {

// A number known at expansion: an integer (maybe symbolic), a float or a logical.
struct RowNumber {
  std::variant<nnef::Dim, double, bool> is;
  // Set for a constant tensor of rank 0, which promotes as a tensor of that dtype; unset for a literal or an attribute.
  std::optional<nnef::DType> dtype;

  bool is_float() const { return std::holds_alternative<double>(is); }
  bool is_bool() const { return std::holds_alternative<bool>(is); }
  bool is_symbolic() const { return dim() && !dim()->is_constant(); }
  const nnef::Dim* dim() const { return std::get_if<nnef::Dim>(&is); }
  double to_double() const;  // throws nnef::SymbolicDimError for a symbolic one
  nnef::Dim to_dim() const;  // throws std::logic_error for a float that is not an integer
};

struct RowOperand {
  using List = std::vector<RowOperand>;
  // Nothing is None.
  std::variant<std::monostate, nnef::Value, RowNumber, std::string, List> is;

  static RowOperand none() { return {}; }
  static RowOperand tensor(nnef::Value value) { return {value}; }
  static RowOperand number(double number) { return {RowNumber{number, {}}}; }
  static RowOperand number(nnef::Dim number) { return {RowNumber{std::move(number), {}}}; }
  static RowOperand logical(bool flag) { return {RowNumber{flag, {}}}; }
  static RowOperand text(std::string text) { return {std::move(text)}; }
  static RowOperand list(List items) { return {std::move(items)}; }

  bool is_none() const { return std::holds_alternative<std::monostate>(is); }
  const nnef::Value* tensor() const { return std::get_if<nnef::Value>(&is); }
  const RowNumber* number() const { return std::get_if<RowNumber>(&is); }
  const std::string* text() const { return std::get_if<std::string>(&is); }
  const List* list() const { return std::get_if<List>(&is); }
};

// Arithmetic on numbers, done at expansion. `op` is the dialect's name ("add", "lt", "and", "exp"); nullopt when
// numbers have no such operator. `div` is true division, an integer where it is exact; a symbolic operand allows add,
// sub, mul, min, max and exact division. A symbolic number equals what is equal at all sizes and nothing else: rows ask
// for special cases (`alpha == 1`), and what they say for all others must hold for a symbolic number.
std::optional<RowNumber> fold(const std::string& op, const RowNumber& a, const RowNumber& b);
std::optional<RowNumber> fold(const std::string& op, const RowNumber& a);

}  // namespace torch2nnef
