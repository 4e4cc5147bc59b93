// The report as JSON (tools/report.schema.json): it grows only by additions. It holds no host, no user, and no paths
// but those that were given.
#pragma once

#include <string>

#include "export/outcome.h"

namespace torch2nnef TORCH2NNEF_API {

// Of an export that was made.
std::string json_report(const ExportReport& report);
// Of one that was not: status, exit status and diagnostics; of what is known of the model (null when nothing is), the
// check that failed and the dump.
std::string json_report(const ExportError& error, const ExportReport* known = nullptr);

}  // namespace torch2nnef
