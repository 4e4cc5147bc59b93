#include "export/torchscript/attribute_access.h"

#include "export/record/ivalues.h"

namespace torch2nnef {
namespace {

bool holds_tensors(const c10::IValue& value) { return !tensors_in(value).empty(); }

void collect_paths(const c10::IValue& module, const std::string& path,
                   std::unordered_map<const void*, std::string>& paths) {
  if (!paths.emplace(module.internalToPointer(), path).second) return;
  const auto& object = module.toObjectRef();
  auto type = object.type();
  for (std::size_t i = 0; i < type->numAttributes(); ++i) {
    const c10::IValue& value = object.getSlot(i);
    if (value.isObject() && value.toObjectRef().type()->is_module()) {
      collect_paths(value, path.empty() ? type->getAttributeName(i) : path + "." + type->getAttributeName(i), paths);
    }
  }
}

}  // namespace

AttributeAccess::AttributeAccess(RecordContext& context, const torch::jit::Module& root, bool follows_state)
    : context_(context), follows_state_(follows_state) {
  collect_paths(root._ivalue(), "", paths_);
}

const std::string* AttributeAccess::path_of(const c10::IValue& object) const {
  auto found = paths_.find(object.internalToPointer());
  return found == paths_.end() ? nullptr : &found->second;
}

void AttributeAccess::own(const c10::IValue& value, const std::string& label, const std::string& owner) {
  if (value.isTensor() && value.toTensor().defined()) {
    if (context_.cells.find(value.toTensor())) return;
    CellPtr cell = context_.cells.of(value.toTensor());
    cell->label = label;
    cell->owner = owner;
  } else if (value.isList() || value.isTuple() || value.isGenericDict()) {
    owned_containers_.emplace(value.internalToPointer(), label);
    std::size_t place = 0;
    for (const c10::IValue& item : items_of(value)) own(item, label + "." + std::to_string(place++), owner);
  }
}

void AttributeAccess::get(const torch::jit::Node* node, Frame& frame) {
  Slot object = frame.get(node->input(0));
  const std::string& name = node->s(c10::attr::name);
  Slot result;
  for (const c10::IValue& world : object.worlds) result.worlds.push_back(world.toObjectRef().getAttr(name));
  result.note = context_.notes.attribute(object.sample(), name);
  const std::string* path = path_of(object.sample());
  if (!path) return frame.set(node->output(), std::move(result));
  std::string label = path->empty() ? name : *path + "." + name;
  const bool is_pointer = result.sample().isPtrType();
  auto shared = is_pointer ? shared_.find(result.sample().internalToPointer()) : shared_.end();
  if (shared != shared_.end() && !current_.count(label)) label = shared->second;
  if (auto changed = current_.find(label); changed != current_.end()) {
    if (is_pointer && holds_tensors(result.sample())) {
      shared_.emplace(result.sample().internalToPointer(), label);
    }
    return frame.set(node->output(), changed->second);
  }
  own(result.sample(), label, "attribute " + label);
  read_.insert(label);
  frame.set(node->output(), std::move(result));
}

void AttributeAccess::set(const torch::jit::Node* node, Frame& frame) {
  Slot object = frame.get(node->input(0)), value = frame.get(node->input(1));
  const std::string& name = node->s(c10::attr::name);
  if (context_.region) {
    throw Unsupported("an attribute is written in " + context_.region->what, "compute the value with torch.where");
  }
  const std::string* path = path_of(object.sample());
  if (path) {
    std::string label = path->empty() ? name : *path + "." + name;
    if (context_.round_began_at) context_.no_scan("it writes the attribute " + label);
    // One that is written first is new in every call.
    if (follows_state_ || read_.count(label) == 0) {
      current_[label] = std::move(value);
      return;
    }
    throw Unsupported(
        "the model writes its own attribute " + label + " after it read it, so its results depend on earlier calls",
        "export it as an input and an output (--state=io)");
  }
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    object.worlds[world].toObject()->setAttr(name, value.worlds[world]);
  }
  context_.notes.set_attribute(object.sample(), name, value.note);
}

void AttributeAccess::refuse_write(const c10::FunctionSchema& schema, const Slots& inputs) {
  const auto* alias = schema.arguments()[0].alias_info();
  if (!alias || !alias->isWrite() || !inputs[0].sample().isPtrType()) return;
  auto owned = owned_containers_.find(inputs[0].sample().internalToPointer());
  if (owned == owned_containers_.end()) return;
  if (follows_state_) throw AttributeWritten(owned->second);
  throw Unsupported("the model changes its own attribute " + owned->second + ", so its results depend on earlier calls",
                    "export it as an input and an output (--state=io)");
}

}  // namespace torch2nnef
