#include "nnef/text/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnef {
namespace {

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }
// Marks that change the direction of what follows, and line ends that are none to a terminal.
bool is_direction(char32_t code) {
  return code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead, !is_control(lead)};
  const std::size_t length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 0 || length > text.size()) return {};
  char32_t code = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  // Shorter forms exist, or these are halves of a pair, or there are no such characters.
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return {};
  return {length, code, !is_control(code) && !is_direction(code)};
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.is_shown || text[0] == '\n' || text[0] == '\t') {
      result += text.substr(0, next.length);
    } else if (next.length <= 1) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else {
      result += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(next.code));
    }
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return result;
}

}  // namespace nnef
