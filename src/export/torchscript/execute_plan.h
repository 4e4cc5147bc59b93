// The execution of a plan in several worlds. Internal to record().
#pragma once

#include <vector>

#include "export/torchscript/plan.h"
#include "export/torchscript/record.h"

namespace torch2nnef {

// Executes the model at all sizes of `worlds` and records it; after an exception `recording` holds what came before.
// Throws WorldFailed where a world goes another way than the first.
void execute(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
             const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics, Recording& recording);

// The same, throwing ExportError with all that was found when the recording ends before its time; then what there is of
// it goes to `refused`, if that is not null.
Recording execute_or_stop(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
                          const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics, Recording* refused);

}  // namespace torch2nnef
