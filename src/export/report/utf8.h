// Text of unknown origin (names in a model, file names) made safe for reports.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace torch2nnef {

// Bytes of the UTF-8 sequence of more than one byte that `text` begins with; 0 when it is none.
std::size_t utf8_length(std::string_view text);

// The text for HTML, inside an element or a quoted attribute: markup is escaped, bytes that are no UTF-8 and control
// characters become question marks.
std::string html_text(std::string_view text);
// The same as code.
std::string html_code(std::string_view text);

}  // namespace torch2nnef
