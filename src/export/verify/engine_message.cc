#include "export/verify/engine_message.h"

#include <fmt/format.h>

#include <cctype>
#include <vector>

namespace torch2nnef {

namespace {

constexpr std::size_t kLongest = 400;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty() && line != "^") lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// "No definition" of "4: No definition": causes are numbered when there are several.
std::string_view without_number(std::string_view line) {
  std::size_t digits = 0;
  while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits]))) ++digits;
  if (digits > 0 && line.substr(digits).starts_with(": ")) line.remove_prefix(digits + 2);
  return line;
}

bool is_numbered(std::string_view line) { return without_number(line).size() != line.size(); }

// "index out of bounds (reduce.rs:462)" of the lines "thread .. panicked at .../reduce.rs:462:18:" and the next.
std::string panic_message(const std::vector<std::string_view>& lines, std::size_t at) {
  std::string_view place = lines[at].substr(lines[at].find("panicked at ") + 12);
  place.remove_prefix(place.find_last_of('/') + 1);  // npos + 1 is 0
  place = place.substr(0, place.find(':', place.find(':') + 1));
  const std::string_view what = at + 1 < lines.size() ? lines[at + 1] : "";
  return fmt::format("tract panicked: {} ({})", what, place);
}

// Where the last error begins in the list of lines, without what loggers and programs put before it.
std::size_t last_error(std::vector<std::string_view>& lines) {
  for (std::size_t at = lines.size(); at-- > 0;) {
    for (std::string_view mark : {"ERROR tract] ", "tract-run: "}) {
      const std::size_t found = lines[at].find(mark);
      if (found == std::string_view::npos) continue;
      lines[at].remove_prefix(found + mark.size());
      return at;
    }
  }
  return 0;
}

}  // namespace

std::string engine_message(int exit_status, std::string_view errors) {
  std::vector<std::string_view> lines = lines_of(errors);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    if (lines[at].find("panicked at ") != std::string_view::npos) return panic_message(lines, at);
  }
  if (lines.empty()) return fmt::format("tract ended with status {} without a message", exit_status);
  std::size_t begin = last_error(lines);
  // A numbered cause may have several lines: the last number begins the innermost one.
  for (std::size_t at = begin; at < lines.size(); ++at) {
    if (lines[at] == "Caused by:" && at + 1 < lines.size()) begin = at + 1;
    if (is_numbered(lines[at])) begin = at;
    if (lines[at] == "Stack backtrace:") lines.resize(at);
  }
  std::string message(without_number(lines[begin]));
  for (std::size_t at = begin + 1; at < lines.size(); ++at) message.append(" ").append(lines[at]);
  if (message.find("Duplicate filename") != std::string::npos) {
    message = "two results of the graph are one value, which tract cannot save (" + message + ")";
  }
  if (message.size() > kLongest) message = message.substr(0, kLongest) + "...";
  return message;
}

}  // namespace torch2nnef
