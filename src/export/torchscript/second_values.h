// The model once more, after record(), on other values than the sample's, so that what was taken from these values
// alone shows up.
#pragma once

#include <optional>
#include <vector>

#include "export/load/given_run.h"
#include "export/torchscript/record.h"

namespace torch2nnef {

// Inputs at the sample's sizes and what the model gives for them (load/other_values.h); nothing for a model that takes
// no other values or would take long.
std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording);

// One per file of options.other_inputs_files (load/given_runs.h).
std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording);

}  // namespace torch2nnef
