// The operator without a write that computes what a writing one writes: found by their schemas, not by a list.
#pragma once

#include <optional>
#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

// Null when libtorch has none: an operator of that name that writes nothing and takes the same arguments, those aside
// that only name where the result goes.
const c10::FunctionSchema* functional_twin(const c10::FunctionSchema& writing);

// The dtype of what it computes, seen on tensors without items; nullopt when it does not run on such.
std::optional<at::ScalarType> dtype_of_result(const c10::FunctionSchema& twin, std::vector<c10::IValue> arguments);

}  // namespace torch2nnef
