// The report as text for a terminal.
#pragma once

#include <string>

#include "export/outcome.h"
#include "export/verify/rerun.h"

namespace torch2nnef TORCH2NNEF_API {

// What was exported, where to, and what the check said. Notes and warnings are not in it (text_diagnostics).
std::string text_report(const ExportReport& report);
// Notes and warnings, "" when there are none.
std::string text_diagnostics(const Diagnostics& diagnostics);
// All of them, as they stand in the report of a failure.
std::string text_diagnostics(const std::vector<Diagnostic>& list);
// Whether `bundle` (as the user wrote it) still shows what it was made for.
std::string text_rerun(const RerunResult& result, const std::string& bundle);
// Why `model` (as the user wrote it) was not exported: everything at once, with how to go on.
std::string text_report(const ExportError& error, const std::string& model);
// "ids: 0 to 99 (index: aten::embedding takes it as places along axis 0 of weight (model.py:7))"
std::string drawn_text(const DrawnInput& one);
// "1.4 MiB"
std::string text_size(std::uint64_t bytes);

}  // namespace torch2nnef
