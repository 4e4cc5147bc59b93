#include "export/torchscript/source_location.h"

#include <algorithm>
#include <sstream>

namespace torch2nnef {
namespace {

// Frames of torch's own Python files say nothing to a user, unless there are no others.
bool is_library_frame(const std::string& file) {
  return file.find("/torch/nn/modules/module.py") != std::string::npos ||
         file.find("/torch/jit/") != std::string::npos || file.find("/torch/nn/functional.py") != std::string::npos;
}

std::string trimmed(const std::string& text) {
  std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// A line "path/file.py(12): forward" of a trace's stack.
bool parse_frame(const std::string& line, SourceLine& frame) {
  std::size_t close = line.find("): "), open = line.rfind('(', close);
  if (close == std::string::npos || open == std::string::npos || open == 0) return false;
  std::string number = line.substr(open + 1, close - open - 1);
  if (number.empty() || !std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); })) {
    return false;
  }
  frame.file = line.substr(0, open);
  frame.line = std::stoi(number);
  frame.function = trimmed(line.substr(close + 3));
  return true;
}

std::vector<SourceLine> stack_of_trace(const std::string& text) {
  std::vector<SourceLine> all, users;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    SourceLine frame;
    if (!parse_frame(line, frame)) continue;
    if (!is_library_frame(frame.file)) users.push_back(frame);
    all.push_back(std::move(frame));
  }
  return users.empty() ? all : users;
}

std::string line_at(const std::string& text, std::size_t place) {
  if (place > text.size()) return "";
  std::size_t begin = text.rfind('\n', place);
  begin = begin == std::string::npos ? 0 : begin + (begin == place ? 0 : 1);
  std::size_t end = text.find('\n', place);
  return trimmed(text.substr(begin, end == std::string::npos ? end : end - begin));
}

std::string function_of_text(const std::string& text) {
  std::size_t def = text.find("def ");
  if (def == std::string::npos) return "";
  std::size_t open = text.find('(', def);
  return open == std::string::npos ? "" : text.substr(def + 4, open - def - 4);
}

// A source as it is asked for. One source may hold the code of a whole class, and each node asks: it is read once.
struct ReadSource {
  std::shared_ptr<torch::jit::Source> source;
  std::string text, function;
  std::vector<SourceLine> stack;
};

const ReadSource& read_source(const std::shared_ptr<torch::jit::Source>& source) {
  thread_local ReadSource last;
  if (last.source == source) return last;
  last = {source, source->text_str().str(), "", {}};
  last.stack = stack_of_trace(last.text);
  last.function = function_of_text(last.text);
  return last;
}

}  // namespace

std::vector<SourceLine> source_lines(const torch::jit::Node* node) {
  torch::jit::SourceRange range = node->sourceRange();
  if (!range.source()) return {};
  if (auto generated = range.source()->findSourceRangeThatGenerated(range)) range = *generated;
  if (!range.source()) return {};
  const ReadSource& source = read_source(range.source());
  if (!source.stack.empty()) return source.stack;
  auto place = range.file_line_col();
  if (!place || std::get<0>(*place).empty()) return {};
  SourceLine line;
  line.file = std::get<0>(*place);
  line.line = static_cast<int>(std::get<1>(*place));
  line.function = source.function;
  line.text = line_at(source.text, range.start());
  return {line};
}

std::string normalized_class(const std::string& qualified_name) {
  std::string result;
  std::istringstream atoms(qualified_name);
  for (std::string atom; std::getline(atoms, atom, '.');) {
    if (atom == "__torch__" || atom.rfind("___torch_mangle_", 0) == 0) continue;
    result += (result.empty() ? "" : ".") + atom;
  }
  return result;
}

}  // namespace torch2nnef
