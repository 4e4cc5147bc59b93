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

// list += other, which changes the list.
bool is_list_addition(const jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  return schema && schema->arguments().size() == 2 &&
         schema->arguments()[0].type()->kind() == c10::TypeKind::ListType && schema->arguments()[0].alias_info() &&
         schema->arguments()[0].alias_info()->isWrite() && row_of(schema->name()).number == NumberOp::kAdd;
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

// The list itself: what the loop hands on from round to round is the one that it begins with, as `list += [item]` gives
// the list that it changes.
const jit::Value* ListWrites::list_of(const jit::Value* value) const {
  for (;;) {
    const jit::Node* node = value->node();
    if (node == body_->param_node() && value->offset() > 0) {
      value = body_->owningNode()->input(value->offset() + 1);
    } else if (is_list_addition(node)) {
      value = node->input(0);
    } else {
      return value;
    }
  }
}

// One item is put at the end of a list of tensors, in the body itself.
bool ListWrites::appends_one(const jit::Node* node, const jit::Value* list) const {
  if (node->owningBlock() != body_ || !list->type()->isSubtypeOf(*c10::ListType::ofTensors())) return false;
  if (row_of(node->kind().toQualString()).list == ListStep::kAppend) return true;
  const jit::Node* added = is_list_addition(node) ? node->input(1)->node() : nullptr;
  return added && added->kind() == c10::prim::ListConstruct && added->inputs().size() == 1 &&
         node->input(1)->uses().size() == 1;
}

void ListWrites::write(const jit::Node* node, const jit::Value* target) {
  const jit::Value* list = list_of(target);
  const bool is_made_here =
      list->node()->kind() == c10::prim::ListConstruct || list->node()->kind() == c10::prim::DictConstruct;
  const bool is_own_graph = node->owningGraph() == body_->owningGraph();
  if (is_made_here && (!is_own_graph || is_within(list->node()))) return;
  if (!appends_one(node, list)) {
    reason_ = "it changes a list or dict from outside";
  } else if (std::find(appended_.begin(), appended_.end(), list) != appended_.end()) {
    reason_ = "it appends to a list more than once a round";
  } else {
    appended_.push_back(list);
  }
}

bool ListWrites::reads(const jit::Value* list) const { return reads(body_, list); }

bool ListWrites::reads(const jit::Block* block, const jit::Value* list) const {
  return std::any_of(block->nodes().begin(), block->nodes().end(), [&](const jit::Node* node) {
    const bool is_read = row_of(node->kind().toQualString()).list == ListStep::kGetItem;
    if (is_read && list_of(node->input(0)) == list) return true;
    return std::any_of(node->blocks().begin(), node->blocks().end(),
                       [&](const jit::Block* inner) { return reads(inner, list); });
  });
}

}  // namespace torch2nnef
