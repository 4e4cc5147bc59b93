#include "export/simplify/samples.h"

#include <algorithm>

#include "export/simplify/sample_rules.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

bool names(const Dim& dim, const std::string& symbol) { return dim.symbols().count(symbol) > 0; }

bool names(const Argument& argument, const std::string& symbol) {
  if (const Dim* dim = argument.dim()) return names(*dim, symbol);
  const Argument::Array* array = argument.array();
  return array != nullptr && std::any_of(array->items.begin(), array->items.end(),
                                         [&](const Argument& item) { return names(item, symbol); });
}

// The one axis whose size has the number of samples as a factor. SamplesMeet where a size names it otherwise.
std::optional<SampleAxis> axis_of(const Shape& shape, const std::string& symbol) {
  std::optional<SampleAxis> found;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!names(shape[axis], symbol)) continue;
    const auto each = nnef::exact_div(shape[axis], Dim::symbol(symbol));
    if (found || !each || names(*each, symbol)) throw SamplesMeet{};
    found = SampleAxis{axis, *each};
  }
  return found;
}

class Finder {
 public:
  Finder(const Graph& graph, const std::string& symbol) : graph_(graph), symbol_(symbol) {
    samples_.of.resize(graph.values.size());
  }

  Samples run() {
    for (const Operation& operation : graph_.operations) {
      try {
        const bool is_input = operation.op == "external" || operation.op == "tract_core_external";
        const auto found = is_input ? axis_of(graph_.info(operation.results.front()).shape, symbol_) : after(operation);
        for (Value result : operation.results) note(result, found);
      } catch (const SamplesMeet&) {
        samples_.met_in = operation.op + " (" + graph_.info(operation.results.front()).name + ")";
        break;
      }
    }
    return std::move(samples_);
  }

 private:
  std::optional<SampleAxis> after(const Operation& operation) const {
    const SampleCall call(graph_, operation, samples_, Dim::symbol(symbol_));
    const std::vector<Value> operands = call.operands();
    const bool has_samples =
        std::any_of(operands.begin(), operands.end(), [&](Value value) { return bool(call.samples(value)); });
    const bool names_count =
        std::any_of(operation.arguments.begin(), operation.arguments.end(),
                    [&](const nnef::NamedArgument& named) { return names(named.argument, symbol_); });
    if (!has_samples && !names_count) return std::nullopt;
    const RuleOfOperator known = sample_rule(operation.op);
    if (known.rule == nullptr || (names_count && !known.may_name_count)) throw SamplesMeet{};
    return known.rule(call);
  }

  // What a rule says must be what the shape shows.
  void note(Value result, const std::optional<SampleAxis>& found) {
    if (axis_of(graph_.info(result).shape, symbol_) != found) throw SamplesMeet{};
    samples_.of[index_of(result)] = found;
  }

  const Graph& graph_;
  const std::string symbol_;
  Samples samples_;
};

}  // namespace

Samples samples_of(const Graph& graph, const std::string& symbol) { return Finder(graph, symbol).run(); }

}  // namespace torch2nnef
