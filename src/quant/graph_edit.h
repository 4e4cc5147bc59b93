// Adds operations to a graph that a lowering has finished.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

class GraphEdit {
 public:
  explicit GraphEdit(nnef::Graph& graph);

  // A new value, named after `base`; it belongs to the call that `for_value` belongs to.
  nnef::Value add_value(const std::string& base, nnef::DType dtype, nnef::Shape shape, nnef::Value for_value);
  // To stand right after (or before) the operation of that index, in the order of the calls.
  void add_after(std::size_t operation, nnef::Operation added);
  void add_before(std::size_t operation, nnef::Operation added);
  // To be taken out if nothing reads its results in the end.
  void may_go(std::size_t operation);

  // Puts the operations together. Returns, of each value that was added, the one that it is for.
  std::vector<nnef::Value> finish();

 private:
  void take_out_unread();

  nnef::Graph& graph_;
  std::unordered_set<std::string> names_;
  std::vector<std::vector<nnef::Operation>> before_, after_;
  std::vector<bool> may_go_;
  std::vector<nnef::Value> added_for_;
};

}  // namespace torch2nnef
