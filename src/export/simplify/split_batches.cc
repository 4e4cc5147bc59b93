#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "export/simplify/graph_rewriting.h"
#include "export/simplify/move_chains.h"
#include "export/simplify/moves.h"
#include "export/simplify/simplify.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// Each item of the result comes from one of each operand.
constexpr std::array<std::string_view, 11> kElementwise = {"add", "sub", "mul", "div", "max",   "min",
                                                           "eq",  "ne",  "and", "or",  "select"};

class BatchSplitter {
 public:
  // `given` is the graph as it was.
  BatchSplitter(const Graph& given, Graph& graph, const nnef::Dialect& dialect)
      : given_(given), chains_(given), graph_(graph), rewriting_(graph, dialect) {}

  std::vector<Value> run() {
    return rewriting_.run([&](const Operation& operation, std::size_t place) {
      return operation.results.size() == 1 && write(given_.operations[place], operation);
    });
  }

 private:
  // A value of [A * B, ..] as one of [A, B, ..].
  struct Split {
    Value value;
    Shape parts;
  };

  // `given` as it was before, `operation` with the operands that are there by now.
  bool write(const Operation& given, const Operation& operation) {
    const Value result = given.results.front();
    const std::size_t before = graph_.operations.size();
    std::optional<Split> made;
    rewriting_.make_for(result, operation, [&] {
      if (given.op == "matmul") made = product(given);
      if (given.op == "softmax") made = softmax(given);
      if (std::find(kElementwise.begin(), kElementwise.end(), given.op) != kElementwise.end())
        made = elementwise(given);
      return result;
    });
    if (made) {
      splits_[result] = *made;
      const Value merged = rewriting_.make_for(
          result, operation, [&] { return rewriting_.builder().reshape(made->value, graph_.info(result).shape); });
      return rewriting_.stand_for(operation, merged, before);
    }
    const auto chain = chains_.ending_in(given);
    if (!chain || chain->length == 0 || splits_.count(chain->source) == 0) return false;
    const auto [source, order] = order_of(*chain);
    const Value moved = rewriting_.make_for(
        result, operation, [&, &from = source, &way = order] { return rewriting_.moved(from, way.steps()); });
    return rewriting_.stand_for(operation, moved, before);
  }

  // How the end of a chain is made by moves, of what is split where that is at hand.
  std::pair<Value, ItemOrder> order_of(const MoveChain& chain) const {
    const auto split = splits_.find(chain.source);
    if (split != splits_.end()) {
      ItemOrder order(graph_.info(split->second.value).shape);
      if (order.reshape(graph_.info(chain.source).shape) && order.follow(chain.order.steps())) {
        return {split->second.value, order};
      }
    }
    return {rewriting_.replaced(chain.source), chain.order};
  }

  Shape parts_of(Value value) const {
    const auto split = splits_.find(value);
    if (split != splits_.end()) return split->second.parts;
    return graph_.info(value).shape.empty() ? Shape{} : order_of(chains_.leading_to(value)).second.parts_of(0);
  }

  std::optional<Value> split(Value value, const Shape& parts) {
    const auto known = splits_.find(value);
    if (known != splits_.end()) return known->second.parts == parts ? std::optional(known->second.value) : std::nullopt;
    const Shape& shape = graph_.info(value).shape;
    auto [source, order] = order_of(chains_.leading_to(value));
    Shape whole = parts;
    whole.insert(whole.end(), shape.begin() + 1, shape.end());
    if (order.parts_of(0) != parts || !order.reshape(whole)) return std::nullopt;
    return rewriting_.moved(source, order.steps());
  }

  std::optional<Split> product(const Operation& matmul) {
    const Value *a = matmul.find("A")->value(), *b = matmul.find("B")->value();
    if (a == nullptr || b == nullptr || graph_.info(*a).shape.size() != 3 || graph_.info(*b).shape.size() != 3)
      return std::nullopt;
    const Shape parts = parts_of(*a);
    if (parts.size() < 2 || parts != parts_of(*b)) return std::nullopt;
    const auto left = split(*a, parts), right = split(*b, parts);
    if (!left || !right) return std::nullopt;
    const Value made = rewriting_.builder().add(
        "matmul", {*left, *right},
        {{"transposeA", *matmul.find("transposeA")}, {"transposeB", *matmul.find("transposeB")}});
    return Split{made, parts};
  }

  // Over the last axis.
  std::optional<Split> softmax(const Operation& operation) {
    const Value* x = operation.arguments.front().argument.value();
    const auto found = x == nullptr ? splits_.end() : splits_.find(*x);
    if (found == splits_.end()) return std::nullopt;
    const Split from = found->second;
    const std::int64_t last = std::ssize(graph_.info(from.value).shape) - 1;
    if (nnef::numbers_of(operation, "axes") != std::vector<std::int64_t>{std::ssize(graph_.info(*x).shape) - 1})
      return std::nullopt;
    const Value made = rewriting_.builder().add("softmax", {from.value}, {{"axes", std::vector<std::int64_t>{last}}});
    return Split{made, from.parts};
  }

  // What the operands are split into: where none is yet, a tensor beside a number may be.
  Shape parts_of_operands(const Operation& operation) const {
    std::vector<Value> tensors;
    for (const nnef::NamedArgument& named : operation.arguments) {
      const Value* value = named.argument.value();
      if (value != nullptr && !graph_.info(*value).shape.empty()) tensors.push_back(*value);
    }
    for (const Value tensor : tensors) {
      if (const auto known = splits_.find(tensor); known != splits_.end()) return known->second.parts;
    }
    return tensors.size() == 1 && graph_.info(tensors.front()).shape.size() == 3 ? parts_of(tensors.front()) : Shape{};
  }

  std::optional<Split> elementwise(const Operation& operation) {
    const Shape parts = parts_of_operands(operation);
    if (parts.size() < 2) return std::nullopt;
    const std::size_t rank = graph_.info(operation.results.front()).shape.size() - 1 + parts.size();
    std::vector<Argument> operands;
    for (const nnef::NamedArgument& named : operation.arguments) {
      const Value* value = named.argument.value();
      if (value == nullptr || graph_.info(*value).shape.empty()) {
        operands.push_back(value == nullptr ? named.argument : Argument(rewriting_.replaced(*value)));
      } else if (graph_.info(*value).shape.front() == Dim(1)) {
        operands.push_back(rewriting_.builder().align_rank(rewriting_.replaced(*value), static_cast<int>(rank)));
      } else if (const auto other = split(*value, parts)) {
        operands.push_back(*other);
      } else {
        return std::nullopt;
      }
    }
    return Split{rewriting_.builder().add(operation.op, std::move(operands)), parts};
  }

  const Graph& given_;
  const MoveChains chains_;
  Graph& graph_;
  GraphRewriting rewriting_;
  std::map<Value, Split> splits_;  // by the value as it was
};

}  // namespace

std::vector<Value> split_batches(Graph& graph, const nnef::Dialect& dialect) {
  Graph before = graph;
  std::vector<Value> added = BatchSplitter(before, graph, dialect).run();
  simplify(graph);
  if (graph.operations.size() >= before.operations.size()) {
    before.values = std::move(graph.values);
    graph = std::move(before);
  }
  return added;
}

}  // namespace torch2nnef
