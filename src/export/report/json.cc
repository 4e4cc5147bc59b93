// Writing JSON.

#include "export/report/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nnef/text/printable.h"

namespace torch2nnef {
namespace {

// The text as a JSON string. Bytes that are no UTF-8 (file names may hold them) become question marks; what a terminal
// would take for more than a letter is escaped.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const nnef::Character next = nnef::first_character(text);
    if (text[0] == '"' || text[0] == '\\') {
      result += {'\\', text[0]};
    } else if (text[0] == '\n') {
      result += "\\n";
    } else if (next.is_shown) {
      result += text.substr(0, next.length);
    } else if (next.length > 0) {  // none of them is beyond 16 bits
      result += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(next.code));
    } else {
      result += '?';
    }
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return result + "\"";
}

}  // namespace

void JsonWriter::new_item() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!is_first_) text_ += ',';
  if (depth_ > 0) text_ += "\n" + std::string(static_cast<std::size_t>(2 * depth_), ' ');
  is_first_ = false;
}

JsonWriter& JsonWriter::raw(std::string_view text) {
  new_item();
  text_ += text;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  raw(std::string(1, bracket));
  ++depth_;
  is_first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  --depth_;
  if (!is_first_) text_ += "\n" + std::string(static_cast<std::size_t>(2 * depth_), ' ');
  text_ += bracket;
  is_first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  raw(quoted(name));
  text_ += ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return raw(quoted(text)); }

JsonWriter& JsonWriter::value(bool flag) { return raw(flag ? "true" : "false"); }

JsonWriter& JsonWriter::value(double number) {
  if (std::isnan(number)) return value("nan");
  if (std::isinf(number)) return value(number > 0 ? "inf" : "-inf");
  return raw(fmt::format("{}", number));
}

}  // namespace torch2nnef
