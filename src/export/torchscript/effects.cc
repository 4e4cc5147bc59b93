#include "export/torchscript/effects.h"

#include <set>

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

bool makes_container(const jit::Node* node) {
  return node->kind() == c10::prim::ListConstruct || node->kind() == c10::prim::DictConstruct ||
         node->kind() == c10::prim::CreateObject;
}

// Where a tensor's memory may come from: through operators that may return a view of their first argument.
bool may_be_view(const jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema || schema->arguments().empty()) return false;
  const auto* alias = schema->arguments()[0].alias_info();
  return alias != nullptr;
}

class Effects {
 public:
  Effects(const jit::Block* block, bool with_tensors) : with_tensors_(with_tensors) { visit(block, block); }
  const std::string& found() const { return found_; }

 private:
  void visit(const jit::Block* block, const jit::Block* top) {
    for (const jit::Node* node : block->nodes()) {
      if (node->kind() == c10::prim::SetAttr && !is_within(node->input(0), top)) {
        found_ = "writes the attribute " + node->s(c10::attr::name);
      }
      for (const jit::Block* inner : node->blocks()) visit(inner, top);
      visit_called(node);
      visit_writes(node, top);
    }
  }

  void visit_called(const jit::Node* node) {
    const jit::Function* function = nullptr;
    if (node->kind() == c10::prim::CallFunction) {
      function = node->input(0)->type()->expectRef<c10::FunctionType>().function();
    } else if (node->kind() == c10::prim::CallMethod) {
      if (auto type = node->input(0)->type()->cast<c10::ClassType>()) {
        function = type->findMethod(node->s(c10::attr::name));
      }
    }
    if (!function || !function->isGraphFunction()) return;
    auto graph = jit::toGraphFunction(*function).graph();
    if (visited_.insert(graph.get()).second) visit(graph->block(), graph->block());
  }

  void visit_writes(const jit::Node* node, const jit::Block* top) {
    const c10::FunctionSchema* schema = node->maybeSchema();
    for (std::size_t i = 0; schema && i < schema->arguments().size(); ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      if (!alias || !alias->isWrite()) continue;
      const jit::Value* target = node->input(i);
      bool is_tensor = target->type()->isSubtypeOf(*c10::TensorType::get());
      if (!is_tensor && !is_within(target, top)) found_ = "changes a list or dict from outside";
      if (is_tensor && with_tensors_ && !is_fresh(target)) found_ = "writes into a tensor that it did not make";
    }
  }

  // Whether the list, dict or object is made within the block.
  static bool is_within(const jit::Value* value, const jit::Block* top) {
    if (!makes_container(value->node())) return false;
    for (const jit::Block* block = value->node()->owningBlock(); block;) {
      if (block == top) return true;
      const jit::Node* owner = block->owningNode();
      block = owner ? owner->owningBlock() : nullptr;
    }
    return false;
  }

  static bool is_fresh(const jit::Value* value) {
    const jit::Node* node = value->node();
    while (node->kind() != c10::prim::Param && node->kind() != c10::prim::GetAttr) {
      const c10::FunctionSchema* schema = node->maybeSchema();
      if (!schema || node->blocks().size() > 0) return false;
      if (!may_be_view(node)) return true;
      value = node->input(0);
      node = value->node();
    }
    return false;
  }

  bool with_tensors_;
  std::set<const jit::Graph*> visited_;
  std::string found_;
};

}  // namespace

std::string effect_on_objects(const jit::Block* block) { return Effects(block, false).found(); }

bool may_write_tensors(const jit::Block* block) { return !Effects(block, true).found().empty(); }

}  // namespace torch2nnef
