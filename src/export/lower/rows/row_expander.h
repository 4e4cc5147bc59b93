// Expanding the body of a row through the builder. Internal to the rows.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"
#include "export/lower/rows/row_operand.h"
#include "nnef/text/syntax.h"

namespace torch2nnef {

struct Row {
  nnef::FragmentSyntax syntax;
  std::string file;
};

// Rows by name, in order. A user's table stands before the built-in one.
struct RowTable {
  std::map<std::string, std::vector<std::shared_ptr<const Row>>, std::less<>> rows;
  const RowTable* parent = nullptr;

  const std::vector<std::shared_ptr<const Row>>* find(const std::string& name) const;
};

using RowBindings = std::map<std::string, RowOperand, std::less<>>;

class RowExpander {
 public:
  RowExpander(Builder& builder, const RowTable& table) : b_(builder), table_(table) {}

  // Runs the body and returns the results in order.
  std::vector<RowOperand> expand(const Row& row, RowBindings bindings);

  // A number as a value of `dtype`; a tensor cast to it.
  Value materialize(const RowOperand& operand, DType dtype);

  // Evaluates a default value: an expression without names.
  RowOperand evaluate_default(const Row& row, const nnef::Expression& expression);

 private:
  struct Frame {
    const Row& row;
    RowBindings names;
  };
  using Expression = nnef::Expression;
  using Named = std::vector<std::pair<std::string, RowOperand>>;  // arguments of an invocation, "" for positional

  RowOperand evaluate(Frame& frame, const Expression& expression);
  bool is_true(Frame& frame, const Expression& condition);
  RowOperand evaluate_binary(Frame& frame, const Expression& expression);
  RowOperand combined(const Frame& frame, const Expression& expression, const RowOperand& left,
                      const RowOperand& right);
  RowOperand evaluate_subscript(Frame& frame, const Expression& expression);
  RowOperand evaluate_comprehension(Frame& frame, const Expression& expression);
  RowOperand evaluate_identifier(Frame& frame, const Expression& expression);
  std::vector<RowOperand> invoke(Frame& frame, const Expression& expression, std::size_t results);
  std::vector<RowOperand> call_row(const std::string& name, const Named& arguments);
  RowBindings bind_row(const Row& row, const Named& arguments);
  void assign(Frame& frame, const nnef::AssignmentSyntax& assignment);

  RowOperand builtin(const std::string& name, const Named& arguments);
  RowOperand apply_unary(const std::string& op, const RowOperand& x);
  RowOperand apply_binary(const std::string& op, const RowOperand& a, const RowOperand& b);
  RowOperand apply_bool_binary(const std::string& op, Value a, Value b);
  RowOperand apply_select(const RowOperand& condition, const RowOperand& a, const RowOperand& b);
  std::vector<RowOperand> apply_operator(const std::string& op, const Named& arguments, std::size_t results);

  // The dtype in which operands meet: tensors first, then literals by category. Nothing to go by: f32 or i64.
  DType common_dtype(const std::vector<const RowOperand*>& operands) const;
  bool is_tensor_of(const RowOperand& operand, DType dtype) const;
  Argument as_argument(const RowOperand& operand, DType dtype);
  Value as_logical(const RowOperand& operand);
  Argument as_attribute(const RowOperand& operand) const;

  Builder& b_;
  const RowTable& table_;
  int depth_ = 0;
};

// The dtype in which a `tensor<scalar>` row computes: f32 for integers and f16, as torch's CPU kernels do.
DType floating_dtype(DType dtype);

// Whether a bare name in a body is evaluated by the expander itself.
bool is_row_builtin(std::string_view name);
// A name that calls a row: it holds "__".
bool is_row_name(std::string_view name);

}  // namespace torch2nnef
