// The step from a loaded model to the Tape. No torch header is needed to call it.
#pragma once

#include "export/diagnostics.h"
#include "export/load/model.h"
#include "export/lower/lowering.h"
#include "export/request.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Executes forward on sample inputs: the user's (options), else those that the archive or a file beside it carries;
// with dynamic axes at other sizes too. Throws ExportError; notes, warnings and errors that did not stop the recording
// go to `diagnostics`, and what was recorded until then to `refused` unless it is null. Modules that a lowering of
// `tables` claims are one call.
Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused = nullptr);

}  // namespace torch2nnef
