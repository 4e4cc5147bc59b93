// Writing JSON.

#include "export/report/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "export/report/utf8.h"

namespace torch2nnef {
namespace {

// The text as a JSON string. Bytes that are no UTF-8 (file names may hold them) become question marks.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    if (lead >= 0x80) {
      const std::size_t length = utf8_length(text.substr(i));
      result += length > 0 ? text.substr(i, length) : "?";
      i += std::max<std::size_t>(length, 1);
      continue;
    }
    if (lead == '"' || lead == '\\') {
      result += {'\\', static_cast<char>(lead)};
    } else if (lead == '\n') {
      result += "\\n";
    } else if (lead < 0x20 || lead == 0x7f) {
      result += fmt::format("\\u{:04x}", lead);
    } else {
      result += static_cast<char>(lead);
    }
    ++i;
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
