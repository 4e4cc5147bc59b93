// A graph while it is written anew, operation by operation: what makes its values, and what is known of these.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "nnef/builder/builder.h"
#include "nnef/makers.h"

namespace torch2nnef {

class GraphSoFar {
 public:
  // Both must outlive it. The graph's operations are those that were written.
  GraphSoFar(nnef::Graph& graph, const nnef::Dialect& dialect)
      : graph_(graph), builder_(graph, dialect), makers_(graph) {}

  nnef::Graph& graph() { return graph_; }
  nnef::Builder& builder() { return builder_; }
  const nnef::ValueInfo& info(nnef::Value value) const { return graph_.info(value); }
  const nnef::Shape& shape(nnef::Value value) const { return info(value).shape; }

  // Takes note of the operations that were written since the last time.
  void update();
  // The operation that makes a value; null for inputs, and when it is another than `op`. Good until the next is added.
  const nnef::Operation* maker(nnef::Value value, std::string_view op = "") const { return makers_.of(value, op); }
  // The value of the n-th argument; null when that is none.
  static const nnef::Value* operand(const nnef::Operation& operation, std::size_t place);

  // The number that an argument is everywhere: a literal, a cast of one, or a tensor of one item.
  std::optional<double> number(const nnef::Argument& argument) const;
  // The items of an integer tensor of the archive that is not large.
  std::optional<std::vector<std::int64_t>> constant_items(nnef::Value value) const;
  // Whether a tensor of the archive that is not large holds nothing but true.
  bool is_constant_true(nnef::Value value) const;
  // The size that an integer argument is: an expression, or a cast of one.
  std::optional<nnef::Dim> size(const nnef::Argument& argument) const;
  // Of a tensor that holds 0, 1, 2, .. along one axis, and is of length 1 along the others: that axis. None where the
  // length of the axis is 1.
  std::optional<std::size_t> counted_axis(nnef::Value value) const;
  // A value that gives another one by broadcasting, and has axes of 1 where that repeats itself.
  const nnef::Value* narrower(nnef::Value value) const;
  void set_narrower(nnef::Value value, nnef::Value narrow) { narrower_[value] = narrow; }
  // Whether an integer tensor has no negative item, whatever the sizes and the inputs.
  bool is_never_negative(nnef::Value value);

 private:
  const nnef::TensorData* data_of(nnef::Value value) const;  // null when no variable
  std::optional<double> constant_number(nnef::Value value) const;
  std::optional<double> number_cast(const nnef::Operation& cast, nnef::DType to) const;
  bool is_itself(const nnef::Operation& bitand_operation) const;
  bool find_never_negative(const nnef::Operation& operation);
  bool argument_is_never_negative(const nnef::Operation& operation, std::size_t place);

  nnef::Graph& graph_;
  nnef::Builder builder_;
  nnef::Makers makers_;
  std::map<nnef::Value, nnef::Value> narrower_;
  std::vector<std::optional<bool>> never_negative_;  // by Value::id, as far as it was asked
};

}  // namespace torch2nnef
