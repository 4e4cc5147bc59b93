#include "export/simplify/move_chains.h"

#include <algorithm>

#include "export/simplify/graph_facts.h"

namespace torch2nnef {
namespace {

using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

constexpr std::size_t kLongest = 16;  // longer chains are looked at from their end

const Value* moved(const Operation& operation) {
  return operation.arguments.empty() ? nullptr : operation.arguments.front().argument.value();
}

bool slice_items(ItemOrder& order, const Operation& slice, const Shape& result) {
  const auto axes = nnef::numbers_of(slice, "axes"), begin = nnef::numbers_of(slice, "begin");
  if (!axes || !begin || begin->size() != axes->size()) return false;
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto axis = static_cast<std::size_t>((*axes)[i]);
    const auto length = result.at(axis).constant();
    if (!length || !order.slice(axis, (*begin)[i], (*begin)[i] + *length)) return false;
  }
  return true;
}

bool transpose_axes(ItemOrder& order, const Operation& transpose, const Shape& result) {
  auto axes = nnef::numbers_of(transpose, "axes");
  if (!axes) return false;
  while (axes->size() < result.size()) axes->push_back(std::ssize(*axes));
  order.transpose(*axes);
  return true;
}

bool apply(ItemOrder& order, const Operation& operation, const Shape& result) {
  if (operation.op == "slice") return slice_items(order, operation, result);
  if (operation.op == "transpose") return transpose_axes(order, operation, result);
  return order.reshape(result);
}

}  // namespace

MoveChains::MoveChains(const Graph& graph)
    : graph_(graph),
      makers_(graph),
      pinned_(pinned_values(graph)),
      reads_(graph.values.size()),
      moving_reads_(graph.values.size()) {
  for (const Operation& operation : graph.operations) {
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value value) { ++reads_[index_of(value)]; });
    }
    if (is_move(operation)) ++moving_reads_[index_of(*moved(operation))];
  }
}

bool MoveChains::is_move(const Operation& operation) const {
  const std::string& op = operation.op;
  if (operation.results.size() != 1 || moved(operation) == nullptr) return false;
  if (op == "slice") {
    const nnef::Argument* stride = operation.find("stride");
    return stride == nullptr || nnef::numbers_of(operation, "stride") ==
                                    std::vector<std::int64_t>(stride->array() ? stride->array()->items.size() : 0, 1);
  }
  return op == "reshape" || op == "transpose" || op == "squeeze" || op == "unsqueeze";
}

std::optional<MoveChain> MoveChains::ending_in(const Operation& operation) const {
  if (!is_move(operation)) return std::nullopt;
  const Value result = operation.results.front();
  if (!is_pinned(result) && reads(result) == moving_reads_[index_of(result)]) return std::nullopt;
  return leading_to(result);
}

MoveChain MoveChains::leading_to(Value value) const {
  std::vector<const Operation*> operations;  // from the end
  Value source = value;
  while (operations.size() < kLongest && (operations.empty() || !is_pinned(source))) {
    const Operation* made = maker(source);
    if (made == nullptr || !is_move(*made)) break;
    operations.push_back(made);
    source = *moved(*made);
  }
  MoveChain chain{source, ItemOrder(graph_.info(source).shape)};
  for (auto at = operations.rbegin(); at != operations.rend(); ++at) {
    const Value result = (*at)->results.front();
    const Shape& shape = graph_.info(result).shape;
    ++chain.length;
    if (!apply(chain.order, **at, shape)) chain = {result, ItemOrder(shape)};
  }
  while (chain.own < chain.length && (chain.own == 0 || reads(operations[chain.own]->results.front()) == 1))
    ++chain.own;
  return chain;
}

}  // namespace torch2nnef
