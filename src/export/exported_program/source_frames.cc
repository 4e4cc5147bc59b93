#include "export/exported_program/source_frames.h"

#include <algorithm>
#include <charconv>

namespace torch2nnef {
namespace {

bool is_of_torch(std::string_view path) {
  return path.starts_with("torch/") || path.find("-packages/torch/") != std::string_view::npos;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

// `File "model.py", line 8, in forward`; the path is not shortened yet.
bool parse_frame(std::string_view line, SourceLine& frame) {
  const std::size_t begin = line.find("File \""), end = line.find("\", line ");
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return false;
  frame.file = line.substr(begin + 6, end - begin - 6);
  const std::string_view number = line.substr(end + 8);
  std::from_chars(number.data(), number.data() + number.size(), frame.line);
  const std::size_t function = number.find(", in ");
  if (function != std::string_view::npos) frame.function = trimmed(number.substr(function + 5));
  return true;
}

std::vector<SourceLine> frames_of(std::string_view trace) {
  std::vector<SourceLine> frames;
  while (!trace.empty()) {
    const std::string_view line = next_line(trace);
    SourceLine frame;
    if (parse_frame(line, frame)) {
      frames.push_back(std::move(frame));
    } else if (!frames.empty() && frames.back().text.empty()) {
      frames.back().text = trimmed(line);
    }
  }
  std::reverse(frames.begin(), frames.end());
  return frames;
}

}  // namespace

Location location_of(const ProgramNode& node) {
  Location where;
  std::vector<SourceLine> frames = frames_of(node.stack_trace);
  frames.erase(std::remove_if(frames.begin(), frames.end(),
                              [](const SourceLine& frame) { return frame.file.starts_with("<eval_with_key>"); }),
               frames.end());
  const bool all_of_torch =
      std::all_of(frames.begin(), frames.end(), [](const SourceLine& frame) { return is_of_torch(frame.file); });
  for (SourceLine& frame : frames) {
    if (!all_of_torch && is_of_torch(frame.file)) continue;
    frame.file = frame.file.substr(frame.file.find_last_of("/\\") + 1);
    where.stack.push_back(std::move(frame));
  }
  if (const std::vector<ModuleFrame> modules = module_frames(node); !modules.empty()) {
    where.module_path = modules.back().path;
    where.module_class = modules.back().class_name;
  }
  return where;
}

// "KEY,PATH,CLASS;KEY,PATH,CLASS"; the path of a second call ends in "@1".
std::vector<ModuleFrame> module_frames(const ProgramNode& node) {
  std::vector<ModuleFrame> frames;
  std::string_view stack = node.module_stack;
  while (!stack.empty()) {
    const std::size_t end = std::min(stack.find(';'), stack.size());
    const std::string_view one = stack.substr(0, end);
    stack.remove_prefix(std::min(end + 1, stack.size()));
    const std::size_t path = one.find(','), type = one.rfind(',');
    if (path == std::string_view::npos || type <= path) continue;
    const std::string_view place = one.substr(path + 1, type - path - 1);
    frames.push_back({std::string(one.substr(0, type)), std::string(place.substr(0, place.find('@'))),
                      std::string(one.substr(type + 1))});
  }
  return frames;
}

}  // namespace torch2nnef
