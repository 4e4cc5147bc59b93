// How operations keep the samples of a batch apart: one rule for each kind of operator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/simplify/graph_facts.h"
#include "export/simplify/samples.h"

namespace torch2nnef {

// Thrown where samples meet, or where no rule shows that they do not.
struct SamplesMeet {};

// An operation, and where its operands hold samples.
class SampleCall {
 public:
  SampleCall(const nnef::Graph& graph, const nnef::Operation& operation, const Samples& known, const nnef::Dim& count)
      : graph_(graph), operation_(operation), known_(known), count_(count) {}

  const nnef::Operation& operation() const { return operation_; }
  const nnef::Dim& count() const { return count_; }  // of samples
  // The values that it reads, those of lists included, in their order; literals are left out.
  std::vector<nnef::Value> operands() const;
  // A tensor by its name; none for a literal, or where it is not given.
  std::optional<nnef::Value> operand(std::string_view name) const;
  const nnef::Shape& shape(nnef::Value value) const { return graph_.info(value).shape; }
  const nnef::Shape& result_shape() const { return shape(operation_.results.front()); }
  const std::optional<SampleAxis>& samples(nnef::Value value) const { return known_.of.at(index_of(value)); }
  // An attribute that is a number, a list of numbers. SamplesMeet where it is anything else.
  std::int64_t number(std::string_view name) const;
  std::vector<std::int64_t> numbers(std::string_view name) const;

 private:
  const nnef::Graph& graph_;
  const nnef::Operation& operation_;
  const Samples& known_;
  const nnef::Dim count_;
};

// Where its results hold the samples. At least one of its operands has samples, or one of its arguments names their
// number.
using SampleRule = std::optional<SampleAxis> (*)(const SampleCall&);
struct RuleOfOperator {
  SampleRule rule = nullptr;
  bool may_name_count = false;  // an argument of it may be an expression of the number of samples: a size of its result
};
// No rule where the operator is not known.
RuleOfOperator sample_rule(const std::string& op);

}  // namespace torch2nnef
