// Lists, tuples, dicts and objects: executed as they are; notes of the numbers in them move along.
#pragma once

#include <string>
#include <vector>

#include "export/operators/operators.h"
#include "export/record/context.h"
#include "export/torchscript/attribute_access.h"
#include "export/torchscript/frame.h"

namespace torch2nnef {

class Containers {
 public:
  Containers(RecordContext& context, AttributeAccess& attributes) : context_(context), attributes_(attributes) {}

  // Executes a node that makes a container or only moves values in and out of one; false for any other node.
  bool run(const torch::jit::Node* node, Frame& frame);

 private:
  Slot list_construct(const torch::jit::Node* node, const Slots& items);
  Slot tuple_construct(const torch::jit::Node* node, const Slots& items);
  Slot dict_construct(const torch::jit::Node* node, const Slots& items);
  Slot create_object(const torch::jit::Node* node);
  Slot is_instance(const torch::jit::Node* node, const Slot& value);
  void unpack(const torch::jit::Node* node, Frame& frame);
  void note_items(const Slot& container, const Slots& items);
  Slots run_generic(const Callee& callee, const Slots& inputs);
  std::vector<Note> notes_of_generic(ListStep step, const Slots& inputs);
  // The note of a number that an operator on containers gave and whose origin is lost otherwise.
  Note note_of_lost(const std::string& op, const Slots& inputs, const Note& lost);

  RecordContext& context_;
  AttributeAccess& attributes_;
};

}  // namespace torch2nnef
