#include "nnef/target_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace nnef {
namespace {

const ValueInfo* tensor_of(const Graph& graph, const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  return argument && argument->value() ? &graph.info(*argument->value()) : nullptr;
}

std::vector<Dim> dims_of(const Operation& operation, std::string_view name) {
  std::vector<Dim> dims;
  const Argument* argument = operation.find(name);
  if (!argument || !argument->array()) return dims;
  for (const Argument& item : argument->array()->items) {
    if (item.dim()) dims.push_back(*item.dim());
  }
  return dims;
}

bool reduces(const Graph&, const Operation& operation) {
  const Argument* reduction = operation.find("reduction");
  const auto* text = reduction ? std::get_if<std::string>(&reduction->is) : nullptr;
  return text && *text != "none";
}

// The memory of a sum is not set before it is added to.
bool is_sum(const Graph&, const Operation& operation) {
  const Argument* normalize = operation.find("normalize");
  return !normalize || std::get_if<bool>(&normalize->is) == nullptr || !std::get<bool>(normalize->is);
}

// An end of 0 is read as the end of the axis.
bool is_empty_slice(const Graph&, const Operation& operation) {
  const std::vector<Dim> begin = dims_of(operation, "begin"), end = dims_of(operation, "end");
  for (std::size_t i = 0; i < std::min(begin.size(), end.size()); ++i) {
    if (begin[i] == end[i]) return true;
  }
  return false;
}

bool strides_over_symbols(const Graph& graph, const Operation& operation) {
  const ValueInfo* input = tensor_of(graph, operation, "input");
  const std::vector<Dim> axes = dims_of(operation, "axes"), strides = dims_of(operation, "stride");
  for (std::size_t i = 0; input && i < std::min(axes.size(), strides.size()); ++i) {
    if (!axes[i].is_constant() || strides[i] == Dim(1) || strides[i] == Dim(-1)) continue;
    if (!input->shape.at(static_cast<std::size_t>(axes[i].value())).is_constant()) return true;
  }
  return false;
}

struct Rule {
  std::string_view op;
  Version first;  // that is right
  bool (*applies)(const Graph&, const Operation&);
  std::string_view what;
};

constexpr std::array<Rule, 5> kRules = {{
    {"tract_core_scatter_elements", {0, 23, 0}, reduces, "its reduction"},
    {"tract_core_scatter_nd", {0, 23, 0}, reduces, "its reduction"},
    {"box", {0, 23, 5}, is_sum, "sums"},
    {"slice", {0, 23, 0}, is_empty_slice, "an empty slice"},
    {"slice", {0, 23, 0}, strides_over_symbols, "a stride over a dynamic axis"},
}};

}  // namespace

std::string why_wrong(const Graph& graph, const Operation& operation, const Target& target) {
  if (target.kind != Target::Kind::kTract) return "";
  for (const Rule& rule : kRules) {
    if (operation.op == rule.op && target.version < rule.first && rule.applies(graph, operation)) {
      return "needs tract >= " + rule.first.to_string() + " for " + std::string(rule.what);
    }
  }
  return "";
}

}  // namespace nnef
