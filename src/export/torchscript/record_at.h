// More sizes at which a recording is checked.
#pragma once

#include <vector>

#include "export/torchscript/record.h"

namespace torch2nnef {

// Executes the model at more sizes of the symbols and adds inputs and results to the runs of its recording. Left out
// are sizes at which the model itself fails.
void record_at(const Model& model, const Tables& tables, const ExportOptions& options,
               const std::vector<nnef::Bindings>& sizes, Recording& recording);

}  // namespace torch2nnef
