// Attributes of the model: read from the archive, or from what the recording holds of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "export/record/context.h"
#include "export/torchscript/frame.h"

namespace torch2nnef {

// Attributes of the model by path ("encoder.cache"), as they are at some moment.
using Attributes = std::map<std::string, Slot>;

class AttributeAccess {
 public:
  AttributeAccess(RecordContext& context, const torch::jit::Module& root, bool follows_state);

  void get(const torch::jit::Node* node, Frame& frame);
  void set(const torch::jit::Node* node, Frame& frame);
  // Before an operator changes its first argument: a list or dict of the model itself would stay changed for its next
  // call.
  void refuse_write(const c10::FunctionSchema& schema, const Slots& inputs);
  // The tensors of a value belong to the archive: `label` is its attribute path.
  void own(const c10::IValue& value, const std::string& label, const std::string& owner);

  // The path of a module of the model; null for any other object.
  const std::string* path_of(const c10::IValue& object) const;
  // What attributes are, where that is not what the archive says.
  Attributes& current() { return current_; }

 private:
  RecordContext& context_;
  bool follows_state_;
  std::unordered_map<const void*, std::string> paths_;  // of module objects
  Attributes current_;
  std::set<std::string> read_;                                     // attributes that the archive gave
  std::unordered_map<const void*, std::string> shared_;            // tensors of current_ by those of the archive
  std::unordered_map<const void*, std::string> owned_containers_;  // lists and dicts of attributes
};

}  // namespace torch2nnef
