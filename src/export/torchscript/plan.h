// What an export is to execute: the sample inputs, their names, the dynamic axes and the state. Internal to record().
#pragma once

#include <vector>

#include "export/load/model_impl.h"
#include "export/load/sample_inputs.h"
#include "export/lower/lowering.h"
#include "export/record/record_at_sizes.h"
#include "export/request.h"
#include "export/torchscript/state.h"

namespace torch2nnef {

struct Plan {
  const Tables* tables = nullptr;
  StatePlan state;
  SampleInputs samples;
  std::vector<at::Tensor> leaves;
  std::vector<DrawnInput> drawn;  // leaves without values of the user's
  SizePlan sizes;                 // one input per leaf
};

// Throws ExportError (usage) where the options do not fit the model.
Plan make_plan(const Model::Impl& model, const Tables& tables, const ExportOptions& options);

}  // namespace torch2nnef
