// Text of unknown origin (names in a model, file names) made safe for reports.
#pragma once

#include <string>
#include <string_view>

namespace torch2nnef {

// The text for HTML, inside an element or a quoted attribute: markup is escaped; bytes that are no UTF-8, control
// characters and marks of direction become question marks.
std::string html_text(std::string_view text);
// The same as code.
std::string html_code(std::string_view text);

}  // namespace torch2nnef
