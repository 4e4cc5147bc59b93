#include "export/torchscript/module_call.h"

#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>

#include "export/record/claimed_module.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/torch_types.h"
#include "export/torchscript/effects.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// "forward"; a trace that calls a module twice has "forward1" too.
bool is_forward(const std::string& method) {
  return method.starts_with("forward") && method.find_first_not_of("0123456789", 7) == std::string::npos;
}

void collect_attributes(const c10::IValue& module, const std::string& prefix,
                        std::vector<std::pair<std::string, c10::IValue>>& attributes) {
  const auto& object = module.toObjectRef();
  auto type = object.type();
  for (std::size_t i = 0; i < type->numAttributes(); ++i) {
    const c10::IValue& value = object.getSlot(i);
    const std::string name = prefix + type->getAttributeName(i);
    if (value.isObject()) {
      if (value.toObjectRef().type()->is_module()) collect_attributes(value, name + ".", attributes);
    } else if (value.isTensor() || is_number(value) || value.isString() || value.isIntList() || value.isDoubleList() ||
               value.isBoolList() || value.isTensorList()) {
      attributes.emplace_back(name, value);
    }
  }
}

// Of the first operator inside.
std::vector<SourceLine> first_lines(const jit::Block* block) {
  for (const jit::Node* node : block->nodes()) {
    std::vector<SourceLine> lines = source_lines(node);
    if (node->kind() == c10::prim::CallMethod) {
      auto type = node->input(0)->type()->cast<c10::ClassType>();
      const jit::Function* method = type ? type->findMethod(node->s(c10::attr::name)) : nullptr;
      if (method && method->isGraphFunction()) lines = first_lines(jit::toGraphFunction(*method).graph()->block());
    }
    if (!lines.empty() && node->kind() != c10::prim::Constant && node->kind() != c10::prim::GetAttr) return lines;
  }
  return {};
}

// Sees whether a module wrote into its arguments or attributes, where its code could.
class WrittenTensors {
 public:
  WrittenTensors(const jit::Block* block, const Slots& arguments,
                 const std::vector<std::pair<std::string, c10::IValue>>& attributes)
      : may_write_(may_write_tensors(block)), arguments_(arguments) {
    if (!may_write_) return;
    for (const auto& [name, value] : attributes) {
      for (const at::Tensor& tensor : tensors_in(value)) attributes_.emplace_back(tensor, tensor.clone());
    }
  }
  // `stack`: the copies of the arguments, after the call. Attributes get their contents back.
  bool any(const jit::Stack& stack) {
    if (!may_write_) return false;
    bool found = false;
    for (std::size_t i = 0; i < stack.size(); ++i) {
      const std::vector<at::Tensor> before = tensors_in(arguments_[i].sample()), after = tensors_in(stack[i]);
      for (std::size_t k = 0; k < before.size(); ++k) found = found || differ(before[k], after[k]);
    }
    for (auto& [tensor, before] : attributes_) {
      if (!differ(tensor, before)) continue;
      tensor.copy_(before);
      found = true;
    }
    return found;
  }

 private:
  static bool differ(const at::Tensor& a, const at::Tensor& b) {
    return a.defined() && !at::equal(at::nan_to_num(a), at::nan_to_num(b));
  }
  bool may_write_;
  const Slots& arguments_;
  std::vector<std::pair<at::Tensor, at::Tensor>> attributes_;
};

c10::IValue copied(const c10::IValue& argument) { return argument.isObject() ? argument : argument.deepcopy(); }

}  // namespace

// One call of a module that a lowering claims.
struct ModuleCalls::Claimed {
  std::string op;    // the lowering's name
  std::string what;  // for messages
  const c10::IValue& object;
  const std::string &path, &class_name;
  std::shared_ptr<jit::Graph> graph;
  NamedArguments given = {};  // forward's arguments, then attributes
  std::vector<bool> is_default = {};
  std::vector<std::pair<std::string, c10::IValue>> attributes = {};
  std::size_t attribute_count = 0;  // of `given`
};

void ModuleCalls::enter(const std::string& path, const std::string& class_name, const std::string& method,
                        const Slots& arguments) {
  called_classes_.insert(class_name);
  if (!watched_ || watched_->first != path || watched_->second != method) return;
  throw Reached{{arguments.begin() + 1, arguments.end()}};
}

std::optional<Slot> ModuleCalls::run(const c10::IValue& object, const jit::Function& function, const Slots& arguments,
                                     const std::string& path, const std::string& class_name) {
  const std::string op = is_forward(function.name()) ? tables_.claim(path, class_name) : "";
  if (op.empty()) return std::nullopt;
  claimed_.insert(op);
  const bool is_recorded = std::any_of(arguments.begin() + 1, arguments.end(),
                                       [&](const Slot& argument) { return context_.depends(argument); });
  if (!is_recorded) return std::nullopt;  // a constant: what happens inside folds
  Claimed call{op, name_of_claimed(op, class_name), object, path, class_name, jit::toGraphFunction(function).graph()};
  if (std::string effect = effect_on_objects(call.graph->block()); !effect.empty()) {
    throw Unsupported(call.what + " " + effect + ", which a lowering of a module cannot say",
                      "claim the modules inside it");
  }
  add_arguments(function, arguments, call);
  add_attributes(call);
  Slot result = execute(call, arguments);
  ClaimedModule claimed{
      op, path, class_name, std::move(call.given), std::move(call.is_default), call.attribute_count, context_.here()};
  // A trace has no line for the call itself.
  if (claimed.where.stack.empty()) claimed.where.stack = first_lines(call.graph->block());
  record_claimed(operators_, std::move(claimed), {result});
  return result;
}

void ModuleCalls::add_arguments(const jit::Function& function, const Slots& arguments, Claimed& call) {
  const auto& formals = function.getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    call.given.emplace_back(formals[i].name(), operators_.arguments().one(arguments[i], formals[i], call.op));
    const auto standard = formals[i].default_value();
    call.is_default.push_back(standard && !arguments[i].sample().isTensor() && *standard == arguments[i].sample());
  }
}

void ModuleCalls::add_attributes(Claimed& call) {
  collect_attributes(call.object, "", call.attributes);
  for (const auto& [name, value] : call.attributes) {
    bool is_taken = std::any_of(call.given.begin(), call.given.end(),
                                [&wanted = name](const auto& one) { return one.first == wanted; });
    if (is_taken) continue;  // an argument of the same name goes first
    attributes_.own(value, call.path.empty() ? name : call.path + "." + name, "attribute " + name);
    call.given.emplace_back(name,
                            operators_.arguments().one({{value}, {}}, c10::Argument(name, value.type()), call.op));
    call.is_default.push_back(true);
    ++call.attribute_count;
  }
}

Slot ModuleCalls::execute(const Claimed& call, const Slots& arguments) {
  WrittenTensors written(call.graph->block(), arguments, call.attributes);
  Slot result;
  const CountedCode code(*call.graph);
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    jit::Stack stack;
    for (const Slot& argument : arguments) stack.push_back(copied(argument.worlds[world]));
    const jit::Stack copies = stack;
    try {
      const std::int64_t executed = code.run(stack, count_.left());
      if (world == 0) count_.add(context_, executed);
    } catch (const CountedCode::TooManyOperations&) {
      count_.stop(context_);
    } catch (const std::exception& error) {
      if (world > 0 || !context_.first_is_sample) {
        throw WorldFailed(call.what + " fails: " + message_of(error), context_.here(), "T2N-R002");
      }
      context_.refuse("T2N-R001", call.what + " fails on the sample inputs: " + message_of(error),
                      "check the inputs' shapes and dtypes");
      throw RecordingStopped(call.what);
    }
    result.worlds.push_back(with_own_memory(stack.at(0), call.what));
    if (world == 0 && written.any(copies)) {
      throw Unsupported(call.what + " writes into its arguments or attributes, which a lowering of a module cannot say",
                        "claim the modules inside it");
    }
  }
  return result;
}

}  // namespace torch2nnef
