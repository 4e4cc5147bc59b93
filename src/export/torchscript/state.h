// State: attributes that a model changes, as inputs and outputs of what is exported.
#pragma once

#include <string>
#include <vector>

#include "export/load/model_impl.h"
#include "export/request.h"
#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// One tensor of an attribute that changes.
struct StateTensor {
  std::string attribute;  // its path
  std::string input, output;
  at::Tensor sample;   // what it is after a first call: no zeros that would hide a mistake
  at::Tensor initial;  // what it is before the first call
};

struct StatePlan {
  std::vector<StateTensor> tensors;
  // Attributes as they are between calls: those tensors, in whatever holds them, and numbers that no longer change.
  std::vector<std::pair<std::string, c10::IValue>> attributes;
};

// Executes the method twice in a row on copies of `arguments` to see what it changes, and how that begins. Throws
// ExportError for state that cannot be an input: numbers that go on changing, tensors that grow, a first call that does
// what no initial value explains.
StatePlan find_state(const Model::Impl& model, const ExportOptions& options, const std::vector<c10::IValue>& arguments);

StateReport to_report(const StateTensor& state);

// The value of an attribute by path. Throws std::out_of_range when there is none.
c10::IValue attribute_at(const torch::jit::Module& module, const std::string& path);

// The attributes with the tensors of their states replaced, in the order of StatePlan::tensors.
std::vector<std::pair<std::string, c10::IValue>> with_state(const StatePlan& plan,
                                                            const std::vector<at::Tensor>& tensors);

}  // namespace torch2nnef
