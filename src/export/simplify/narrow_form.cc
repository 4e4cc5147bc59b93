#include "export/simplify/narrow_form.h"

#include <utility>
#include <vector>

#include "nnef/arguments.h"

namespace torch2nnef {

using nnef::Argument;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

std::optional<Value> note_broadcast(GraphSoFar& graph, const Operation& operation) {
  const Value* x = GraphSoFar::operand(operation, 0);
  if (x == nullptr) return std::nullopt;
  const Value* narrow = graph.narrower(*x);
  const Value repeated = narrow == nullptr ? *x : *narrow;
  const Value result = operation.results.front();
  const std::size_t rank = graph.shape(repeated).size();
  const bool is_broadcast = operation.op == "tract_core_broadcast";
  // A number that was repeated and then moved is that number, repeated.
  if ((rank == 0 && (is_broadcast || narrow != nullptr)) || (is_broadcast && rank == graph.shape(result).size())) {
    graph.set_narrower(result, repeated);
  }
  return std::nullopt;
}

std::optional<Value> with_narrow_operands(GraphSoFar& graph, const Operation& operation) {
  const bool is_reduction = operation.op == "any_reduce";
  std::vector<Argument> operands;
  std::vector<nnef::NamedArgument> attributes;
  bool is_narrower = false;
  for (const nnef::NamedArgument& named : operation.arguments) {
    const Value* value = named.argument.value();
    const Value* narrow = value == nullptr ? nullptr : graph.narrower(*value);
    if (named.name == "axes" || named.name == "to") {
      attributes.push_back(named);
    } else {
      operands.push_back(narrow == nullptr ? named.argument : Argument(*narrow));
    }
    is_narrower = is_narrower || narrow != nullptr;
  }
  if (!is_narrower) return std::nullopt;
  if (is_reduction) {  // an axis that repeats one item could be left out, too: of no use here
    const Shape &whole = graph.shape(*GraphSoFar::operand(operation, 0)), &part = graph.shape(*operands[0].value());
    for (std::int64_t axis : nnef::numbers_of(operation, "axes").value_or(std::vector<std::int64_t>{})) {
      if (whole[static_cast<std::size_t>(axis)] != part[static_cast<std::size_t>(axis)]) return std::nullopt;
    }
  }
  const Value made = graph.builder().add(operation.op, std::move(operands), std::move(attributes));
  if (graph.shape(made) == graph.shape(operation.results.front())) return made;
  graph.set_narrower(operation.results.front(), made);
  return std::nullopt;
}

}  // namespace torch2nnef
