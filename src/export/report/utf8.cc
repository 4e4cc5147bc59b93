#include "export/report/utf8.h"

#include <algorithm>

namespace torch2nnef {

std::size_t utf8_length(std::string_view text) {
  const unsigned char lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string html_text(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    if (lead >= 0x80) {
      const std::size_t length = utf8_length(text.substr(i));
      result += length > 0 ? text.substr(i, length) : "?";
      i += std::max<std::size_t>(length, 1);
      continue;
    }
    ++i;
    if (lead == '&') {
      result += "&amp;";
    } else if (lead == '<') {
      result += "&lt;";
    } else if (lead == '>') {
      result += "&gt;";
    } else if (lead == '"') {
      result += "&quot;";
    } else if (lead == '\'') {
      result += "&#39;";
    } else if ((lead < 0x20 && lead != '\n' && lead != '\t') || lead == 0x7f) {
      result += '?';
    } else {
      result += static_cast<char>(lead);
    }
  }
  return result;
}

std::string html_code(std::string_view text) { return "<code>" + html_text(text) + "</code>"; }

}  // namespace torch2nnef
