// What the rounds of a loop write to, read off the code.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

// Finds tensors that a round appends to lists from outside, and things that no region can do.
class ListWrites {
 public:
  explicit ListWrites(const torch::jit::Block* body) : body_(body) { visit(body); }
  const std::string& reason() const { return reason_; }  // "" when a region can do it
  const std::vector<const torch::jit::Value*>& appended() const { return appended_; }
  // Whether items of such a list are read in the body.
  bool reads(const torch::jit::Value* list) const;
  bool writes_tensors() const { return writes_tensors_; }
  // Tensors from outside that the loop's own code writes to, each once: through views, too.
  const std::vector<const torch::jit::Value*>& filled() const { return filled_; }
  // Whether all lists that it appends to are made beside the loop, filled and joined, and their items are not used.
  bool are_only_joined() const;

 private:
  void visit(const torch::jit::Block* block);
  void visit_called(const torch::jit::Node* node);
  bool is_within(const torch::jit::Node* node) const;
  bool reads(const torch::jit::Block* block, const torch::jit::Value* list) const;
  const torch::jit::Value* list_of(const torch::jit::Value* value) const;
  bool appends_one(const torch::jit::Node* node, const torch::jit::Value* list) const;
  void write(const torch::jit::Node* node, const torch::jit::Value* target);
  void write_tensor(const torch::jit::Node* node, const torch::jit::Value* target);

  const torch::jit::Block* body_;
  std::set<const torch::jit::Graph*> visited_;
  std::vector<const torch::jit::Value*> appended_, filled_;
  bool writes_tensors_ = false;
  std::string reason_;
};

}  // namespace torch2nnef
