// The reshapes, transposes and slices that lead to a value.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "export/simplify/item_order.h"
#include "nnef/makers.h"

namespace torch2nnef {

struct MoveChain {
  nnef::Value source;
  ItemOrder order;         // of the result, in the source
  std::size_t length = 0;  // operations
  std::size_t own = 0;     // how many of the last ones nothing else needs
};

// Of a graph that stays as it is.
class MoveChains {
 public:
  explicit MoveChains(const nnef::Graph& graph);

  // Of an operation that moves items, and whose result something else than such operations reads.
  std::optional<MoveChain> ending_in(const nnef::Operation& operation) const;
  // Of any value; of length 0 when no move makes it.
  MoveChain leading_to(nnef::Value value) const;

  const nnef::Operation* maker(nnef::Value value) const { return makers_.of(value); }
  std::size_t reads(nnef::Value value) const { return reads_[static_cast<std::size_t>(value.id)]; }
  bool is_pinned(nnef::Value value) const { return pinned_[static_cast<std::size_t>(value.id)]; }

 private:
  bool is_move(const nnef::Operation& operation) const;

  const nnef::Graph& graph_;
  const nnef::Makers makers_;
  const std::vector<bool> pinned_;
  std::vector<std::size_t> reads_, moving_reads_;  // by Value::id: how often it is read, and how often by moves
};

}  // namespace torch2nnef
