#include "help_text.h"

#include <sstream>
#include <stdexcept>

namespace docs {
namespace {

constexpr std::size_t kTextColumn = 12;  // a line that is indented further goes on with the text of an option

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t indent_of(const std::string& line) { return std::min(line.find_first_not_of(' '), line.size()); }

bool is_option(const std::string& line) {
  const std::size_t indent = indent_of(line);
  return indent >= 2 && indent < kTextColumn && line.size() > indent && line[indent] == '-';
}

void append(std::string& text, const std::string& more) {
  if (!text.empty() && !more.empty()) text += ' ';
  text += more;
}

// "-o, --output OUT" or "--check[=HOW]".
Option parse_names(const std::string& left) {
  Option option;
  std::size_t at = 0;
  while (at < left.size()) {
    const std::size_t end = std::min(left.find(", ", at), left.size());
    std::string name = left.substr(at, end - at);
    if (const std::size_t value = name.find_first_of(" ["); value != std::string::npos) {
      option.value = name.substr(value + 1);
      option.value_is_optional = name[value] == '[';
      if (option.value_is_optional) option.value = option.value.substr(1, option.value.size() - 2);  // "=HOW]"
      name.resize(value);
    }
    option.names.push_back(name);
    at = end + 2;
  }
  return option;
}

Option parse_option(const std::string& line) {
  const std::string rest = line.substr(indent_of(line));
  const std::size_t gap = std::min(rest.find("  "), rest.size());
  Option option = parse_names(rest.substr(0, gap));
  option.text = rest.substr(std::min(rest.find_first_not_of(' ', gap), rest.size()));
  return option;
}

void take_repeatable(Option& option) {
  static const std::string kEnding = " (repeatable)";
  if (!option.text.ends_with(kEnding)) return;
  option.repeatable = true;
  option.text.resize(option.text.size() - kEnding.size());
}

}  // namespace

HelpText parse_help(const std::string& text) {
  static const std::string kExit = "Exit status: ";
  HelpText help;
  const std::vector<std::string> lines = lines_of(text);
  bool in_exit_status = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (line.starts_with(kExit)) {
      in_exit_status = true;
      help.exit_status = line.substr(kExit.size());
    } else if (in_exit_status) {
      append(help.exit_status, line);
    } else if (is_option(line)) {
      if (help.groups.empty()) help.groups.push_back({"Options", {}});
      help.groups.back().options.push_back(parse_option(line));
    } else if (indent_of(line) >= kTextColumn && line.size() > kTextColumn && !help.groups.empty()) {
      append(help.groups.back().options.back().text, line.substr(indent_of(line)));
    } else if (i + 1 < lines.size() && indent_of(line) == 0 && is_option(lines[i + 1])) {
      help.groups.push_back({line.substr(0, line.find_last_not_of(':') + 1), {}});
    }
  }
  if (help.groups.empty()) throw std::runtime_error("the text lists no options");
  if (help.exit_status.empty()) throw std::runtime_error("the text does not say what the exit status means");
  for (Group& group : help.groups) {
    for (Option& option : group.options) take_repeatable(option);
  }
  return help;
}

}  // namespace docs
