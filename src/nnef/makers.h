// Which operation makes each value of a graph.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

class Makers {
 public:
  // The graph must outlive it.
  explicit Makers(const Graph& graph) : graph_(graph) { update(); }

  // Takes note of the operations that were added since the last time.
  void update() {
    places_.resize(graph_.values.size(), kNone);
    for (; seen_ < graph_.operations.size(); ++seen_) {
      for (Value result : graph_.operations[seen_].results) places_[static_cast<std::size_t>(result.id)] = seen_;
    }
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  // Where the operation stands; kNone for an input of a fragment, and for a value that came later.
  std::size_t place(Value value) const {
    const auto id = static_cast<std::size_t>(value.id);
    return id < places_.size() ? places_[id] : kNone;
  }
  // The operation; null for none, and where it is another than `op`. Good until the next is added.
  const Operation* of(Value value, std::string_view op = "") const {
    const std::size_t at = place(value);
    if (at == kNone) return nullptr;
    const Operation& operation = graph_.operations[at];
    return op.empty() || operation.op == op ? &operation : nullptr;
  }

 private:
  const Graph& graph_;
  std::vector<std::size_t> places_;  // by Value::id
  std::size_t seen_ = 0;
};

}  // namespace nnef
