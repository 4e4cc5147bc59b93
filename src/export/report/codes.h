// The table of codes.def: what each code of a message means, and what helps.
#pragma once

#include <string_view>
#include <vector>

#include "export/diagnostics.h"

namespace torch2nnef {

struct Code {
  std::string_view code;  // "T2N-L001"
  Severity severity = Severity::kError;
  std::string_view cause, cure;
};
std::string_view to_string(Severity severity);  // "note", "warning", "error"
// In the order of the table.
const std::vector<Code>& all_codes();
// Null when there is no such code.
const Code* find_code(std::string_view code);

}  // namespace torch2nnef
