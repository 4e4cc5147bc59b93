// The two kinds of models behind one face: each step asks the front end that executes the model's kind. No torch header
// is needed to call it.
#pragma once

#include <optional>
#include <vector>

#include "export/diagnostics.h"
#include "export/load/given_run.h"
#include "export/load/model.h"
#include "export/lower/lowering.h"
#include "export/request.h"
#include "export/tape/recording.h"

namespace torch2nnef::front_ends {

// See torchscript/record.h, torchscript/record_at.h and torchscript/second_values.h.
Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused);
void record_at(const Model& model, const Tables& tables, const ExportOptions& options,
               const std::vector<nnef::Bindings>& sizes, Recording& recording);
std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording);
// One per file of options.other_inputs_files: see load/given_runs.h.
std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording);

}  // namespace torch2nnef::front_ends
