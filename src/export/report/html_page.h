// The report as one page of HTML that needs no network and no other file: the model's tree with what became of each
// call, how far its values are from PyTorch's, weights, sizes and messages. Whatever comes from the model is escaped.
#pragma once

#include <string>

#include "export/outcome.h"
#include "export/request.h"

namespace torch2nnef {

// Of an export that was made. `model` is how the page calls it. Without report.tree the tree is left out.
std::string html_report(const ExportReport& report, const std::string& model);
// Of one that was not: with what is unsupported. `known` (ExportOptions::refused) may be null: the model was not
// loaded.
std::string html_report(const ExportError& error, const ExportReport* known, const std::string& model);

}  // namespace torch2nnef
