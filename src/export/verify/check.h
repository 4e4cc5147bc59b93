// The check of an archive at every recorded size: by the reference evaluator, then by tract.
#pragma once

#include <filesystem>

#include "export/outcome.h"
#include "export/request.h"
#include "export/verify/reference.h"

namespace torch2nnef {

// Evaluates the archive and runs tract on it with the inputs of every run, compares every output, and fills
// report.check. What was not asked for and cannot be run is left out, and the report says why. tract is the authority:
// where it agrees with PyTorch, a difference of the evaluator is a warning. Throws ExportError (check failed) when an
// output differs or the archive does not run, naming the first call that differs, after the debug bundle was written if
// options ask for one.
void check_archive(const std::filesystem::path& archive, const CheckSubject& subject, const ExportOptions& options,
                   ExportReport& report);

}  // namespace torch2nnef
