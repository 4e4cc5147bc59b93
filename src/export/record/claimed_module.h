// A whole module that a lowering claims: one call on the Tape, whichever front end executed it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "export/record/operator_recorder.h"

namespace torch2nnef {

struct ClaimedModule {
  std::string op;  // the lowering's name
  std::string path, class_name;
  NamedArguments given;  // forward's arguments, then the attributes
  std::vector<bool> is_default;
  std::size_t attribute_count = 0;  // of `given`
  Location where;
};

// "module::Attention (a module of class models.vit.Attention)", for messages.
inline std::string name_of_claimed(const std::string& op, const std::string& class_name) {
  return op + " (a module of class " + class_name + ")";
}

// What the module returned with tensors of its own, so that it shares no memory with the arguments. Throws Unsupported
// for what is neither a tensor nor some of them; `what` names the module.
c10::IValue with_own_memory(const c10::IValue& value, const std::string& what);

// Writes the call. The results' tensors have memory of their own.
void record_claimed(OperatorRecorder& recorder, ClaimedModule call, const Slots& results);

}  // namespace torch2nnef
