// The table of codes.def: what each code of a message means, and what helps.
#pragma once

#include <string>
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
// What the letter of a code stands for: "The check" of T2N-C001.
std::string_view group_of(std::string_view code);
// The table as a page of Markdown, a section a group: src/export/CODES.md.
std::string codes_page();

}  // namespace torch2nnef
