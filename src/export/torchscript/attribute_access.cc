// Attributes of the model: read from the archive, or from what the recording holds of them while state is followed.

#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

bool holds_tensors(const c10::IValue& value) { return !tensors_in(value).empty(); }

}  // namespace

void Recorder::run_get_attribute(const Node* node, Frame& frame) {
  Slot object = get(node->input(0), frame);
  const std::string& name = node->s(c10::attr::name);
  Slot result;
  for (const c10::IValue& world : object.worlds) result.worlds.push_back(world.toObjectRef().getAttr(name));
  result.note = notes_.attribute(object.sample(), name);
  auto path = paths_.find(object.sample().internalToPointer());
  if (path == paths_.end()) return set(node->output(), std::move(result), frame);
  std::string label = path->second.empty() ? name : path->second + "." + name;
  const bool is_pointer = result.sample().isPtrType();
  auto shared = is_pointer ? shared_attributes_.find(result.sample().internalToPointer()) : shared_attributes_.end();
  if (shared != shared_attributes_.end() && !attributes_.count(label)) label = shared->second;
  if (auto changed = attributes_.find(label); changed != attributes_.end()) {
    if (is_pointer && holds_tensors(result.sample())) {
      shared_attributes_.emplace(result.sample().internalToPointer(), label);
    }
    return set(node->output(), changed->second, frame);
  }
  own(result.sample(), label, "attribute " + label);
  set(node->output(), std::move(result), frame);
}

void Recorder::run_set_attribute(const Node* node, Frame& frame) {
  Slot object = get(node->input(0), frame), value = get(node->input(1), frame);
  const std::string& name = node->s(c10::attr::name);
  if (region_) {
    throw Unsupported("an attribute is written in " + region_->what, "compute the value with torch.where");
  }
  auto path = paths_.find(object.sample().internalToPointer());
  if (path != paths_.end()) {
    std::string label = path->second.empty() ? name : path->second + "." + name;
    if (options_.follows_state) {
      attributes_[label] = std::move(value);
      return;
    }
    throw Unsupported("the model writes its own attribute " + label + ", so its results depend on earlier calls",
                      "export it as an input and an output (--state=io)");
  }
  for (std::size_t world = 0; world < world_count(); ++world) {
    object.worlds[world].toObject()->setAttr(name, value.worlds[world]);
  }
  notes_.set_attribute(object.sample(), name, value.note);
}

}  // namespace torch2nnef
