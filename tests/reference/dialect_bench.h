// Calls of the dialect's operators over generated arguments, computed by tract and by the reference evaluator.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "export/verify/compare.h"
#include "export/verify/tract_engine.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

namespace dialect_tests {

using nnef::Argument;
using nnef::Dim;
using nnef::DType;
using nnef::NamedArgument;
using nnef::Shape;
using nnef::Value;
using Axes = std::vector<std::int64_t>;
using Pairs = std::vector<std::pair<Dim, Dim>>;

inline const Dim kS = Dim::symbol("S");  // 5 where it is run
inline constexpr std::int64_t kSizeOfS = 5;

// What the items of an input are.
enum class Fill {
  kPlain,     // floats in -2..2, integers in -4..5, bools of both kinds
  kPositive,  // floats in 0.1..3, integers in 1..6
  kUnit,      // floats in -0.95..0.95
  kSpecial,   // NaN, infinities, zeros, halves, large and small
  kEqual,     // many equal ones
  kDistinct,  // no two equal
  kIndex,     // integers 0..2
  kLarge,     // integers at both ends of their range
};

// A graph that several calls share.
class Bench {
 public:
  Bench() : dialect_{nnef::Target{}}, builder_(graph_, dialect_) { graph_.symbols = {"S"}; }
  Value input(const Shape& shape, DType dtype = DType::kF32, Fill fill = Fill::kPlain, int number = 0);
  nnef::Builder& builder() { return builder_; }
  Value add(std::string_view op, std::vector<Argument> tensors, std::vector<NamedArgument> attributes = {}) {
    return add_multi(op, std::move(tensors), std::move(attributes)).at(0);
  }
  std::vector<Value> add_multi(std::string_view op, std::vector<Argument> tensors,
                               std::vector<NamedArgument> attributes = {}) {
    return builder_.add_multi(op, std::move(tensors), std::move(attributes));
  }
  void output(Value value) { builder_.name_output(value, "y" + std::to_string(graph_.outputs.size())); }
  nnef::Graph& graph() { return graph_; }
  const nnef::Dialect& dialect() const { return dialect_; }
  const std::vector<nnef::NamedTensor>& inputs() const { return inputs_; }

 private:
  nnef::Graph graph_;
  nnef::Dialect dialect_;
  nnef::Builder builder_;
  std::vector<nnef::NamedTensor> inputs_;
};

struct Case {
  std::string op, what;
  std::function<std::vector<Value>(Bench&)> build;
  torch2nnef::Tolerance tolerance = torch2nnef::Tolerance::kApproximate;
};

class Cases {
 public:
  void add(std::string op, std::string what, std::function<std::vector<Value>(Bench&)> build) {
    list_.push_back({std::move(op), std::move(what), std::move(build)});
  }
  // One operation with one input.
  void unary(const std::string& op, const Shape& shape, DType dtype, Fill fill = Fill::kPlain,
             const std::vector<NamedArgument>& attributes = {});
  const std::vector<Case>& list() const { return list_; }

 private:
  std::vector<Case> list_;
};

void add_elementwise_cases(Cases& cases);
void add_shape_cases(Cases& cases);
void add_window_cases(Cases& cases);
void add_reduce_cases(Cases& cases);
void add_index_cases(Cases& cases);
void add_linear_cases(Cases& cases);
void add_other_cases(Cases& cases);

}  // namespace dialect_tests
