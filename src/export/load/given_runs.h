// A model once more, after it was recorded, on further inputs of the user's (--inputs given again), of other sizes or
// values.
#pragma once

#include <filesystem>
#include <vector>

#include "export/load/given_run.h"
#include "export/record/record_at_sizes.h"
#include "export/request.h"

namespace torch2nnef {

// The export as it was asked for, with the inputs of a file and the axes that were recorded.
ExportOptions options_for_inputs(const ExportOptions& options, const std::filesystem::path& file, const Tape& tape);

// Executes a front end on the inputs of a file; `sizes` and `leaves` are those of a plan for options_for_inputs(). An
// .npz may hold outputs as well: by their names in the archive, or as output_0, output_1, ... Throws ExportError where
// the file does not fit the model or what was recorded of it.
GivenRun run_on_given_inputs(FrontEnd& front_end, SizePlan& sizes, const std::vector<at::Tensor>& leaves,
                             const std::filesystem::path& file, const Recording& recording);

}  // namespace torch2nnef
