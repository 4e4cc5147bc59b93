// A graph whose operations are written anew, one after the other.
#pragma once

#include <cstddef>
#include <vector>

#include "export/simplify/graph_facts.h"
#include "export/simplify/item_order.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {

class GraphRewriting {
 public:
  // Takes the operations out of the graph. Both must outlive it.
  GraphRewriting(nnef::Graph& graph, const nnef::Dialect& dialect);

  // For each operation that there was, in its order, its operands being what is written by now: `write(operation,
  // place)` writes it in another way and returns true, or false where it stays. Returns, for each value that was added
  // to the graph, the result that it is for.
  template <class Write>
  std::vector<nnef::Value> run(const Write& write) {
    for (std::size_t place = 0; place < given_.size(); ++place) {
      nnef::Operation& operation = given_[place];
      const std::size_t before = graph_.operations.size();
      replace_in(operation);
      const bool is_written = write(operation, place);
      replacement_.resize(graph_.values.size());
      for (std::size_t i = before; i < graph_.operations.size(); ++i) replace_in(graph_.operations[i]);
      if (!is_written) graph_.operations.push_back(std::move(operation));
    }
    return std::move(added_for_);
  }

  nnef::Builder& builder() { return builder_; }
  // What is read instead of a value.
  nnef::Value replaced(nnef::Value value) const;
  // The moves of a tensor.
  nnef::Value moved(nnef::Value x, const std::vector<ItemOrder::Step>& steps);

  // Calls `make()`; what that adds is named after the result.
  template <class Make>
  nnef::Value make_for(nnef::Value result, const nnef::Operation& operation, const Make& make) {
    builder_.set_scope("", graph_.info(result).name, operation.comment);
    const nnef::Value made = make();
    added_for_.resize(graph_.values.size() - known_, result);
    return made;
  }
  // Makes `made` the operation's result; `before` is how many operations there were before it was made. False where the
  // operation must stay: its result is an output, and `made` an input, a variable or another output.
  bool stand_for(const nnef::Operation& operation, nnef::Value made, std::size_t before);

 private:
  void replace_in(nnef::Operation& operation) const;
  bool take_name(nnef::Value output, nnef::Value made);

  nnef::Graph& graph_;
  std::vector<nnef::Operation> given_;
  const std::size_t known_;
  nnef::Builder builder_;
  const std::vector<bool> pinned_;
  std::vector<nnef::Value> replacement_, added_for_;
};

}  // namespace torch2nnef
