// The model once more, after record(), on further inputs of the user's (--inputs given again), of other sizes or
// values.
#pragma once

#include <filesystem>
#include <vector>

#include "export/torchscript/record.h"

namespace torch2nnef {

struct GivenRun {
  std::filesystem::path file;
  Recording::Run run;                       // what the model computes
  std::vector<nnef::NamedTensor> expected;  // outputs that the file holds, by the names of the run's
};

// One per file of options.other_inputs_files. An .npz may hold outputs as well: by their names in the archive, or as
// output_0, output_1, ... Throws ExportError where a file does not fit the model or what was recorded of it.
std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording);

}  // namespace torch2nnef
