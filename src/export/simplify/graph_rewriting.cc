#include "export/simplify/graph_rewriting.h"

#include <algorithm>
#include <utility>

namespace torch2nnef {

using nnef::Graph;
using nnef::Operation;
using nnef::Value;

using Step = ItemOrder::Step;

GraphRewriting::GraphRewriting(Graph& graph, const nnef::Dialect& dialect)
    : graph_(graph),
      given_(std::exchange(graph.operations, {})),
      known_(graph.values.size()),
      builder_(graph, dialect),
      pinned_(pinned_values(graph)),
      replacement_(known_) {}

Value GraphRewriting::replaced(Value value) const {
  const std::size_t id = index_of(value);
  return id < replacement_.size() && replacement_[id] ? replacement_[id] : value;
}

void GraphRewriting::replace_in(Operation& operation) const {
  for (nnef::NamedArgument& named : operation.arguments) {
    nnef::for_each_value(named.argument, [&](Value& value) { value = replaced(value); });
  }
}

Value GraphRewriting::moved(Value x, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::kSlice:
        x = builder_.slice(x, step.axis, step.begin, step.end);
        break;
      case Step::Kind::kReshape:
        x = builder_.reshape(x, step.shape);
        break;
      case Step::Kind::kTranspose:
        x = builder_.transpose(x, step.permutation);
        break;
    }
  }
  return x;
}

bool GraphRewriting::stand_for(const Operation& operation, Value made, std::size_t before) {
  const Value result = operation.results.front();
  replacement_.resize(graph_.values.size());
  const bool is_new = graph_.operations.size() > before && graph_.operations.back().results.front() == made;
  if (is_new) {  // its result takes the name of the one that it stands for
    graph_.operations.back().results = {result};
    replacement_[index_of(made)] = result;
    return true;
  }
  if (pinned_[index_of(result)]) return take_name(result, replaced(made));
  replacement_[index_of(result)] = replaced(made);
  return true;
}

// Makes an output of the result of an operation that was written not long ago.
bool GraphRewriting::take_name(Value output, Value made) {
  constexpr std::size_t kNotLong = 64;
  std::vector<Operation>& operations = graph_.operations;
  std::size_t place = operations.size();
  const std::size_t oldest = place > kNotLong ? place - kNotLong : 0;
  while (place > oldest && operations[place - 1].results != std::vector<Value>{made}) --place;
  const bool is_input = std::find(graph_.inputs.begin(), graph_.inputs.end(), made) != graph_.inputs.end();
  const bool is_known = is_input || (index_of(made) < pinned_.size() && pinned_[index_of(made)]);
  if (place == oldest || is_known || operations[place - 1].op == "variable") return false;
  operations[place - 1].results = {output};
  replacement_[index_of(made)] = output;
  for (; place < operations.size(); ++place) replace_in(operations[place]);
  return true;
}

}  // namespace torch2nnef
