// An operator of libtorch, and its execution in all worlds.
#pragma once

#include <string>
#include <vector>

#include "export/record/context.h"
#include "export/record/slot.h"
#include "export/torch_compat.h"

namespace torch2nnef {

using Slots = std::vector<Slot>;

// What the operator takes and gives, and the code that computes it. The schema must outlive it.
struct Callee {
  const c10::FunctionSchema& schema;
  torch::jit::Operation operation;
};

// The operator of that name and overload, as its schema spells them ("aten::add", "Tensor"). Throws Unsupported when
// the linked libtorch has none.
Callee find_callee(const std::string& name, const std::string& overload);

// Executes it in every world; the inputs are in the schema's order. A failure on the sample is reported and throws
// RecordingStopped, one in another world throws WorldFailed, and one in a side of a branch that the sample does not
// take throws Unsupported.
Slots execute(RecordContext& context, const Callee& callee, const Slots& inputs);

}  // namespace torch2nnef
