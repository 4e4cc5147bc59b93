#include "nnef/inspect/drawing.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "nnef/arguments.h"
#include "nnef/makers.h"

namespace nnef {
namespace {

std::string quoted(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string fact(const ValueInfo& info) { return fmt::format("{} {}", to_string(info.dtype), to_string(info.shape)); }

class Drawer {
 public:
  Drawer(const Graph& graph, std::string prefix) : graph_(graph), makers_(graph), prefix_(std::move(prefix)) {}

  std::string run() {
    for (Value input : graph_.inputs) {
      if (makers_.of(input) == nullptr) draw_end(input, fmt::format("{}in{}", prefix_, input.id));
    }
    for (const Operation& operation : graph_.operations) {
      if (operation.op != "variable") draw(operation);
    }
    const std::set<Value> outputs(graph_.outputs.begin(), graph_.outputs.end());
    for (Value output : outputs) {
      const std::string name = fmt::format("{}out{}", prefix_, output.id);
      draw_end(output, name);
      text_ += fmt::format("  {} -> {};\n", node_of(output), name);
    }
    return std::move(text_);
  }

 private:
  std::string node_of(Value value) const {
    const std::size_t place = makers_.place(value);
    return place == Makers::kNone ? fmt::format("{}in{}", prefix_, value.id) : fmt::format("{}n{}", prefix_, place);
  }

  void draw_end(Value value, const std::string& name) {
    text_ += fmt::format("  {} [shape=ellipse, label=\"{}\"];\n", name, quoted(graph_.info(value).name));
  }

  // The weights of an operation are lines of its box.
  void draw(const Operation& operation) {
    const std::string name = node_of(operation.results.front());
    const std::string* body = operation.op == "tract_core_scan" ? text_of(operation, "body") : nullptr;
    std::string label = quoted(operation.op) + (body == nullptr ? "" : " of " + quoted(*body)), arrows;
    for (const NamedArgument& named : operation.arguments) {
      for_each_value(named.argument, [&](Value value) {
        if (makers_.of(value, "variable") == nullptr) {
          arrows += fmt::format("  {} -> {};\n", node_of(value), name);
        } else {
          label += fmt::format("\\n{} {}", quoted(graph_.info(value).name), to_string(graph_.info(value).shape));
        }
      });
    }
    for (Value result : operation.results) {
      label += fmt::format("\\n{}: {}", quoted(graph_.info(result).name), fact(graph_.info(result)));
    }
    text_ += fmt::format("  {} [label=\"{}\"];\n{}", name, label, arrows);
  }

  const Graph& graph_;
  const Makers makers_;
  const std::string prefix_;
  std::string text_;
};

}  // namespace

std::string to_dot(const Graph& graph) {
  std::string text =
      fmt::format("digraph \"{}\" {{\n  node [shape=box, fontname=\"monospace\"];\n", quoted(graph.name));
  text += Drawer(graph, "").run();
  for (std::size_t i = 0; i < graph.fragments.size(); ++i) {
    const Graph& body = graph.fragments[i].body;
    text += fmt::format("  subgraph cluster_{} {{\n  label=\"{}\";\n", i, quoted(body.name));
    text += Drawer(body, fmt::format("f{}_", i)).run() + "  }\n";
  }
  return text + "}\n";
}

}  // namespace nnef
