#include "export/exported_program/module_spans.h"

#include <algorithm>
#include <unordered_set>

namespace torch2nnef {
namespace {

using Kind = ProgramArgument::Kind;

// torch gives the sizes of inputs, and what asserts something of them, a place without a module.
bool is_of_no_module(const std::vector<ModuleFrame>& frames) {
  return frames.empty() || frames.front().key.starts_with("_empty_nn_module_stack");
}

std::vector<std::string> names_used(const ProgramNode& node) {
  std::vector<std::string> names;
  for (const NamedProgramArgument& input : node.inputs) collect_names(input.value, names);
  return names;
}

std::string to_text(const ModuleFrame& module) {
  return "the module " + (module.path.empty() ? "itself" : module.path) + " (of class " + module.class_name + ")";
}

class Spans {
 public:
  explicit Spans(const Tables& tables) : tables_(tables) {}

  void add(std::size_t node, const std::vector<ModuleFrame>& frames) {
    if (is_of_no_module(frames)) return;
    for (const ModuleFrame& module : frames) {
      std::string op = tables_.claim(module.path, module.class_name);
      if (op.empty()) continue;
      if (is_open_ && spans_.back().module == module) {
        spans_.back().last = node;
        return;
      }
      const auto before =
          std::find_if(spans_.begin(), spans_.end(), [&](const ModuleSpan& span) { return span.module == module; });
      if (before != spans_.end()) refuse(*before);
      spans_.push_back({std::move(op), module, node, node});
      is_open_ = true;
      return;
    }
    between_ = frames.back();
    is_open_ = false;
  }
  std::vector<ModuleSpan> take() { return std::move(spans_); }

 private:
  [[noreturn]] void refuse(const ModuleSpan& span) const {
    throw Unsupported(span.op + " claims " + to_text(span.module) +
                          ", whose operators do not stand together in the program" +
                          (between_.class_name.empty() ? "" : ": between them are some of " + to_text(between_)),
                      "claim a module that holds both, or the operators themselves");
  }

  const Tables& tables_;
  std::vector<ModuleSpan> spans_;
  ModuleFrame between_;
  bool is_open_ = false;
};

}  // namespace

void collect_names(const ProgramArgument& argument, std::vector<std::string>& names) {
  if (argument.kind == Kind::kName) names.push_back(argument.text);
  for (const ProgramArgument& item : argument.items) collect_names(item, names);
}

std::vector<ModuleSpan> claimed_spans(const ProgramGraph& graph, const Tables& tables) {
  if (tables.claims().empty()) return {};
  Spans spans(tables);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) spans.add(i, module_frames(graph.nodes[i]));
  return spans.take();
}

std::vector<std::string> names_made(const ProgramGraph& graph, const ModuleSpan& span) {
  std::vector<std::string> names;
  for (std::size_t i = span.first; i <= span.last; ++i) {
    for (const ProgramArgument& output : graph.nodes[i].outputs) collect_names(output, names);
  }
  return names;
}

std::vector<std::string> names_from_outside(const ProgramGraph& graph, const ModuleSpan& span) {
  const std::vector<std::string> made = names_made(graph, span);
  std::unordered_set<std::string> known(made.begin(), made.end());
  std::vector<std::string> names;
  for (std::size_t i = span.first; i <= span.last; ++i) {
    for (std::string& name : names_used(graph.nodes[i])) {
      if (known.insert(name).second) names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace torch2nnef
