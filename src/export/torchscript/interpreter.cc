#include "export/torchscript/interpreter.h"

#include "export/operators/operators.h"
#include "export/record/failures.h"
#include "export/torchscript/own_operators.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// The node of `block` in which a use happens; null when it is the block's own result.
const jit::Node* user_within(const jit::Node* user, const jit::Block* block) {
  while (user->owningBlock() != block) user = user->owningBlock()->owningNode();
  return user == block->return_node() ? nullptr : user;
}

void find_last_uses(const jit::Block* block,
                    std::unordered_map<const jit::Node*, std::vector<const jit::Value*>>& last_uses) {
  auto visit = [&](const jit::Value* value, const jit::Node* definition) {
    const jit::Node* last = definition;
    for (const jit::Use& use : value->uses()) {
      const jit::Node* user = user_within(use.user, block);
      if (!user) return;
      if (!last || last->isBefore(user)) last = user;
    }
    if (last) last_uses[last].push_back(value);
  };
  for (const jit::Value* input : block->inputs()) visit(input, nullptr);
  for (const jit::Node* node : block->nodes()) {
    for (const jit::Value* output : node->outputs()) visit(output, node);
    for (const jit::Block* inner : node->blocks()) find_last_uses(inner, last_uses);
  }
}

// The addresses of the tensor, or of those in the list or tuple, in world 0.
std::vector<const void*> tensors_of(const Slot& slot) {
  if (slot.worlds.empty()) return {};
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) return {value.toTensor().unsafeGetTensorImpl()};
  std::vector<const void*> tensors;
  if (!value.isTensorList() && !value.isTuple()) return tensors;
  for (const c10::IValue& item : items_of(value)) {
    if (item.isTensor()) tensors.push_back(item.toTensor().unsafeGetTensorImpl());
  }
  return tensors;
}

}  // namespace

Slot Interpreter::run_function(const jit::Function& function, Slots arguments, std::string path,
                               std::string class_name) {
  return run_graph(jit::toGraphFunction(function).graph(), std::move(arguments), std::move(path),
                   std::move(class_name));
}

bool Interpreter::run_definition(const jit::Node* node, Frame& frame) {
  auto [found, is_new] = definitions_.try_emplace(node);
  if (is_new) found->second = definition_of(node);
  if (!found->second) return false;
  Slots inputs = frame.inputs_of(node);
  check_definition(node->schema(), inputs);
  frame.set(node->output(), run_graph(found->second, std::move(inputs), frame.module_path, frame.module_class));
  return true;
}

Slot Interpreter::run_graph(const std::shared_ptr<jit::Graph>& graph, Slots arguments, std::string path,
                            std::string class_name) {
  if (analysed_.insert(graph.get()).second) find_last_uses(graph->block(), last_uses_);
  Frame frame;
  frame.module_path = std::move(path);
  frame.module_class = std::move(class_name);
  for (std::size_t i = 0; i < arguments.size(); ++i) frame.values[graph->inputs().at(i)] = std::move(arguments[i]);
  arguments.clear();
  CallStack::Entered entered(stack_, frame);
  run_block(graph->block(), frame);
  return frame.get(graph->outputs().at(0));
}

void Interpreter::run_inner(const torch::jit::Node* owner, const torch::jit::Block* block, Frame& frame) {
  run_block(block, frame);
  frame.at = owner;
}

void Interpreter::run_block(const torch::jit::Block* block, Frame& frame) {
  for (const torch::jit::Node* node : block->nodes()) {
    frame.at = node;
    run_node(node, frame);
    auto dying = last_uses_.find(node);
    if (dying == last_uses_.end()) continue;
    for (const jit::Value* value : dying->second) drop(value, frame);
  }
}

// Views keep their base, so what has gone is told to the cells at once: activations are the larger part of what is
// live.
void Interpreter::drop(const jit::Value* value, Frame& frame) {
  const auto found = frame.values.find(value);
  if (found == frame.values.end()) return;
  const std::vector<const void*> tensors = tensors_of(found->second);
  frame.values.erase(found);
  for (const void* tensor : tensors) context_.cells.release(tensor);
}

void Interpreter::run_node(const torch::jit::Node* node, Frame& frame) {
  try {
    if (run_structure(node, frame)) return;
    count_.add(context_, 1);
    if (run_list(node, frame) || containers_.run(node, frame) || run_definition(node, frame)) return;
    frame.set_results(node, operators_.call(callee_of(node), frame.inputs_of(node)));
  } catch (const Unsupported& error) {
    context_.refuse("T2N-R009", error.what(), error.hint(), node->kind().toQualString());
    throw RecordingStopped(error.what());
  }
}

bool Interpreter::run_list(const torch::jit::Node* node, Frame& frame) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema || schema->arguments().empty() || schema->arguments()[0].type()->kind() != c10::TypeKind::ListType) {
    return false;
  }
  Slots inputs = frame.inputs_of(node);
  if (!operators_.sized_lists().takes(*schema, inputs)) return false;
  attributes_.refuse_write(*schema, inputs);
  frame.set_results(node, operators_.call(callee_of(node), std::move(inputs)));
  return true;
}

bool Interpreter::run_structure(const torch::jit::Node* node, Frame& frame) {
  switch (node->kind()) {
    case c10::prim::Constant:
      run_constant(node, frame);
      return true;
    case c10::prim::GetAttr:
      attributes_.get(node, frame);
      return true;
    case c10::prim::SetAttr:
      attributes_.set(node, frame);
      return true;
    case c10::prim::CallMethod:
      run_method(node, frame);
      return true;
    case c10::prim::CallFunction:
      run_call(node, frame);
      return true;
    case c10::prim::If:
      control_flow_.run_if(node, frame);
      return true;
    case c10::prim::Loop:
      control_flow_.run_loop(node, frame);
      return true;
    case c10::prim::unchecked_cast:
      frame.set(node->output(), frame.get(node->input(0)));
      return true;
    case c10::prim::Uninitialized:
      frame.set(node->output(), {std::vector<c10::IValue>(context_.world_count()), {}});
      return true;
    case c10::prim::Print:
      return true;
    case c10::prim::fork:
    case c10::prim::Enter:
      throw Unsupported("the model uses " + std::string(node->kind().toUnqualString()) + ", which cannot be exported",
                        "remove it, or trace the model instead");
    default:
      break;
  }
  const OperatorRow& row = row_of(node->kind().toQualString());
  if (row.is(kSameTensor)) frame.set(node->output(), frame.get(node->input(0)));
  return row.is(kSameTensor | kOnlyPrints);
}

void Interpreter::run_constant(const torch::jit::Node* node, Frame& frame) {
  if (node->output()->type()->cast<c10::FunctionType>()) return;
  auto found = constants_.find(node);
  if (found == constants_.end()) {
    auto value = jit::toIValue(node->output());
    c10::IValue constant = value ? *value : c10::IValue();
    if (constant.isDevice()) constant = c10::IValue(at::Device(at::kCPU));
    if (constant.isTensor() && constant.toTensor().defined()) {
      context_.cells.of(constant.toTensor())->owner = "constant";
    }
    found = constants_.emplace(node, constant).first;
  }
  frame.set(node->output(), {std::vector<c10::IValue>(context_.world_count(), found->second), {}});
}

void Interpreter::run_call(const torch::jit::Node* node, Frame& frame) {
  const jit::Function* function = node->input(0)->type()->expectRef<c10::FunctionType>().function();
  Slots arguments = frame.inputs_of(node, 1);
  frame.set(node->output(), run_function(*function, std::move(arguments), frame.module_path, frame.module_class));
}

void Interpreter::run_method(const torch::jit::Node* node, Frame& frame) {
  Slots arguments = frame.inputs_of(node);
  const c10::IValue object = arguments.at(0).sample();
  if (!object.isObject()) {
    throw Unsupported("a method of a " + object.tagKind() + " is called, which cannot be exported");
  }
  auto type = object.toObjectRef().type();
  const std::string& name = node->s(c10::attr::name);
  const jit::Function& function = type->getMethod(name);
  std::string path = frame.module_path, class_name = frame.module_class;
  if (const std::string* module_path = attributes_.path_of(object)) {
    path = *module_path;
    class_name = normalized_class(type->name()->qualifiedName());
    modules_.enter(path, class_name, name, arguments);
    if (auto claimed = modules_.run(object, function, arguments, path, class_name)) {
      return frame.set(node->output(), std::move(*claimed));
    }
  }
  frame.set(node->output(), run_function(function, std::move(arguments), path, class_name));
}

}  // namespace torch2nnef
