// The check of an archive by the engine, at every recorded size.
#pragma once

#include <filesystem>
#include <vector>

#include "export/export.h"
#include "export/record/record.h"

namespace torch2nnef {

// Runs tract on the archive with the inputs of every run, compares every output, and fills report.check. Without an
// engine a check that was not asked for is not run, and the report says why. Throws ExportError (check failed) when an
// output differs or the engine does not run the archive, after the debug bundle was written if options ask for one.
void check_archive(const std::filesystem::path& archive, const std::vector<Recording::Run>& runs,
                   const ExportOptions& options, ExportReport& report);

}  // namespace torch2nnef
