// Operators of libraries that are not linked (torchvision), as TorchScript of our own: they are recorded as what it
// calls.
#pragma once

#include <memory>
#include <optional>

#include "export/record/callee.h"
#include "export/record/operator_recorder.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// What the operator computes, every statement at the place of `call`; null for an operator that is not one of these.
std::shared_ptr<torch::jit::Graph> definition_of(const torch::jit::Node* call);

// Executes the definition of an operator by its name, for inputs in the schema's order; nothing for an operator that
// has none. Throws Unsupported for arguments that it does not cover.
std::optional<Slot> run_definition(OperatorRecorder& recorder, const c10::FunctionSchema& schema, const Slots& inputs);

// Throws Unsupported for arguments that a definition does not cover.
void check_definition(const c10::FunctionSchema& schema, const Slots& inputs);

}  // namespace torch2nnef
