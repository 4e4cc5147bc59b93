#include "export/report/utf8.h"

#include <algorithm>

#include "nnef/text/printable.h"

namespace torch2nnef {

std::string html_text(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const nnef::Character next = nnef::first_character(text);
    if (text[0] == '&') {
      result += "&amp;";
    } else if (text[0] == '<') {
      result += "&lt;";
    } else if (text[0] == '>') {
      result += "&gt;";
    } else if (text[0] == '"') {
      result += "&quot;";
    } else if (text[0] == '\'') {
      result += "&#39;";
    } else if (next.is_shown || text[0] == '\n' || text[0] == '\t') {
      result += text.substr(0, next.length);
    } else {
      result += '?';
    }
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return result;
}

std::string html_code(std::string_view text) { return "<code>" + html_text(text) + "</code>"; }

}  // namespace torch2nnef
