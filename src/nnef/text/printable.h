// Text of unknown origin (names and messages in files, file names) for people to read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nnef {

// A character at the beginning of a text: how many bytes it has, 0 where they are not UTF-8, and whether it may be
// shown as it is. Control characters could drive a terminal, marks of direction could show a text in another order.
struct Character {
  std::size_t length = 0;
  char32_t code = 0;
  bool is_shown = false;
};
Character first_character(std::string_view text);

// The text with lines and tabs as they are, and everything else that may not be shown as \x1b or \u{202e}.
std::string printable(std::string_view text);

}  // namespace nnef
