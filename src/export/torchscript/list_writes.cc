#include "export/torchscript/list_writes.h"

#include <algorithm>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// Made here, and of no use but to be filled and joined: its items are never looked at.
bool is_only_joined(const jit::Value* list) {
  if (list->node()->kind() != c10::prim::ListConstruct) return false;
  return std::all_of(list->uses().begin(), list->uses().end(), [](const jit::Use& use) {
    const OperatorRow& row = row_of(use.user->kind().toQualString());
    return row.list == ListStep::kAppend || row.number == NumberOp::kConcatenate;
  });
}

// The tensor that a view is of, as far as the code shows.
const jit::Value* base_of(const jit::Value* view) {
  for (;;) {
    const c10::FunctionSchema* schema = view->node()->maybeSchema();
    const bool is_view = schema && !schema->arguments().empty() && schema->arguments()[0].alias_info() &&
                         !view->node()->inputs().empty() &&
                         view->node()->input(0)->type()->isSubtypeOf(*c10::TensorType::get());
    if (!is_view) return view;
    view = view->node()->input(0);
  }
}

}  // namespace

bool ListWrites::are_only_joined() const { return std::all_of(appended_.begin(), appended_.end(), is_only_joined); }

void ListWrites::visit(const jit::Block* block) {
  for (const jit::Node* node : block->nodes()) {
    for (const jit::Block* inner : node->blocks()) visit(inner);
    visit_called(node);
    const c10::FunctionSchema* schema = node->maybeSchema();
    for (std::size_t i = 0; schema && i < schema->arguments().size(); ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      const jit::Value* target = node->input(i);
      bool is_tensor = target->type()->isSubtypeOf(*c10::TensorType::get());
      if (!alias || !alias->isWrite()) continue;
      if (is_tensor) {
        writes_tensors_ = true;
        write_tensor(node, target);
      } else {
        write(node, target);
      }
    }
  }
}

void ListWrites::visit_called(const jit::Node* node) {
  const jit::Function* function = nullptr;
  if (node->kind() == c10::prim::CallFunction) {
    function = node->input(0)->type()->expect<c10::FunctionType>()->function();
  } else if (node->kind() == c10::prim::CallMethod) {
    if (auto type = node->input(0)->type()->cast<c10::ClassType>()) {
      function = type->findMethod(node->s(c10::attr::name));
    }
  } else {
    return;
  }
  if (!function || !function->isGraphFunction()) {
    reason_ = "it calls what is not known before it is executed";
    return;
  }
  auto graph = jit::toGraphFunction(*function).graph();
  if (visited_.insert(graph.get()).second) visit(graph->block());
}

bool ListWrites::is_within(const jit::Node* node) const {
  for (const jit::Block* block = node->owningBlock(); block;) {
    if (block == body_) return true;
    const jit::Node* owner = block->owningNode();
    block = owner ? owner->owningBlock() : nullptr;
  }
  return false;
}

void ListWrites::write_tensor(const jit::Node* node, const jit::Value* target) {
  if (node->owningGraph() != body_->owningGraph()) return;
  const jit::Value* base = base_of(target);
  if (!is_within(base->node()) && std::find(filled_.begin(), filled_.end(), base) == filled_.end()) {
    filled_.push_back(base);
  }
}

void ListWrites::write(const jit::Node* node, const jit::Value* target) {
  bool is_made_here =
      target->node()->kind() == c10::prim::ListConstruct || target->node()->kind() == c10::prim::DictConstruct;
  bool is_own_graph = node->owningGraph() == body_->owningGraph();
  if (is_made_here && (!is_own_graph || is_within(target->node()))) return;
  bool appends = row_of(node->kind().toQualString()).list == ListStep::kAppend && node->owningBlock() == body_ &&
                 target->type()->isSubtypeOf(*c10::ListType::ofTensors());
  if (!appends) {
    reason_ = "it changes a list or dict from outside";
  } else if (std::find(appended_.begin(), appended_.end(), target) != appended_.end()) {
    reason_ = "it appends to a list more than once a round";
  } else {
    appended_.push_back(target);
  }
}

}  // namespace torch2nnef
