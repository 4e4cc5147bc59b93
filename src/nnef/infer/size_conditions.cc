#include "nnef/infer/size_conditions.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

namespace nnef {
namespace {

constexpr std::array<std::string_view, 7> kWindows = {
    "conv", "box", "max_pool", "avg_pool", "rms_pool", "max_pool_with_index", "argmax_pool"};

std::vector<Dim> dims_of(const Operation& operation, std::string_view name) {
  std::vector<Dim> dims;
  const Argument* argument = operation.find(name);
  if (argument == nullptr || argument->array() == nullptr) return dims;
  for (const Argument& item : argument->array()->items) {
    if (item.dim() != nullptr) dims.push_back(*item.dim());
  }
  return dims;
}

// The tensor that comes first, whose axes `axes` counts.
const Shape* shape_of_operand(const Graph& graph, const Operation& operation) {
  for (const NamedArgument& argument : operation.arguments) {
    if (argument.argument.value() != nullptr) return &graph.info(*argument.argument.value()).shape;
  }
  return nullptr;
}

class Collector {
 public:
  void collect(const Graph& graph) {
    for (const Operation& operation : graph.operations) {
      const bool is_window = std::find(kWindows.begin(), kWindows.end(), operation.op) != kWindows.end();
      for (Value result : operation.results) {
        for (const Dim& size : graph.info(result).shape) add(size, is_window ? 1 : 0);
      }
      const Shape* operand = shape_of_operand(graph, operation);
      if (operand == nullptr) continue;
      if (operation.op == "slice") add_slice(operation, *operand);
      if (operation.op.ends_with("_reduce") || operation.op == "moments") add_reduction(operation, *operand);
    }
    for (const Fragment& fragment : graph.fragments) collect(fragment.body);
  }

  std::vector<SizeCondition> take() { return std::move(conditions_); }

 private:
  void add(const Dim& size, std::int64_t least) {
    if (size.is_constant() || !known_.insert(size.to_string() + ">=" + std::to_string(least)).second) return;
    conditions_.push_back({size, least});
  }

  void add_slice(const Operation& operation, const Shape& operand) {
    const std::vector<Dim> axes = dims_of(operation, "axes"), begin = dims_of(operation, "begin"),
                           end = dims_of(operation, "end");
    for (std::size_t i = 0; i < std::min({axes.size(), begin.size(), end.size()}); ++i) {
      add(begin[i], 0);
      add(end[i] - begin[i], 0);
      add(operand.at(static_cast<std::size_t>(axes[i].value())) - end[i], 0);
    }
  }

  void add_reduction(const Operation& operation, const Shape& operand) {
    for (const Dim& axis : dims_of(operation, "axes")) add(operand.at(static_cast<std::size_t>(axis.value())), 1);
  }

  std::vector<SizeCondition> conditions_;
  std::set<std::string> known_;
};

}  // namespace

std::vector<SizeCondition> conditions_of(const Graph& graph) {
  Collector collector;
  collector.collect(graph);
  return collector.take();
}

}  // namespace nnef
