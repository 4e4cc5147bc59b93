#include "nnef/infer/size_conditions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "nnef/infer/infer_call.h"
#include "nnef/infer/largest_index.h"

namespace nnef {
namespace {

// Operations that engines execute on tensors without items, beside those that compute item by item.
constexpr std::array<std::string_view, 16> kTakesNothing = {"external",
                                                            "variable",
                                                            "slice",
                                                            "concat",
                                                            "squeeze",
                                                            "unsqueeze",
                                                            "select",
                                                            "transpose",
                                                            "reshape",
                                                            "pad",
                                                            "tract_core_cast",
                                                            "tile",
                                                            "copy",
                                                            "tract_core_broadcast",
                                                            "tract_core_range",
                                                            "tract_core_shape_of"};

// Operations that read or write along `axis` at the places that `indices` names.
constexpr std::array<std::string_view, 3> kNamesPlaces = {"tract_core_gather", "tract_core_gather_elements",
                                                          "tract_core_scatter_elements"};

bool takes_nothing(const std::string& op) {
  return is_elementwise(op) || std::find(kTakesNothing.begin(), kTakesNothing.end(), op) != kTakesNothing.end();
}

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
    const Makers makers(graph);
    for (const Operation& operation : graph.operations) {
      const bool needs_items = !takes_nothing(operation.op);
      for (Value result : operation.results) add_all(graph.info(result).shape, needs_items ? 1 : 0);
      for (const NamedArgument& named : operation.arguments) {
        if (needs_items) add_operand(graph, named.argument);
      }
      const Shape* operand = shape_of_operand(graph, operation);
      if (operand == nullptr) continue;
      if (operation.op == "slice") add_slice(operation, *operand);
      if (operation.op == "pad") add_mirror(operation, *operand);
      if (operation.op == "tract_core_topk") add_taken(operation, *operand);
      add_places(graph, makers, operation, *operand);
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

  // A mirror image holds less than the axis.
  void add_mirror(const Operation& operation, const Shape& operand) {
    const Argument *border = operation.find("border"), *padding = operation.find("padding");
    const auto* kind = border ? std::get_if<std::string>(&border->is) : nullptr;
    if (kind == nullptr || *kind != "reflect" || padding == nullptr || padding->array() == nullptr) return;
    const std::vector<Argument>& ends = padding->array()->items;
    for (std::size_t axis = 0; axis < std::min(operand.size(), ends.size()); ++axis) {
      if (ends[axis].array() == nullptr) continue;
      for (const Argument& end : ends[axis].array()->items) {
        if (end.dim() != nullptr) add(operand[axis] - *end.dim(), 1);
      }
    }
  }

  void add_taken(const Operation& operation, const Shape& operand) {
    const Argument* count = operation.find("k");
    const std::optional<std::size_t> axis = axis_of(operation, operand);
    if (axis && count != nullptr && count->dim() != nullptr) add(operand[*axis] - *count->dim(), 0);
  }

  // What is read or written at places is as long as these reach.
  void add_places(const Graph& graph, const Makers& makers, const Operation& operation, const Shape& operand) {
    const bool names_one_axis = std::find(kNamesPlaces.begin(), kNamesPlaces.end(), operation.op) != kNamesPlaces.end();
    const Argument* indices = names_one_axis ? operation.find("indices") : nullptr;
    const std::optional<std::size_t> axis = axis_of(operation, operand);
    if (!axis || indices == nullptr || indices->value() == nullptr) return;
    if (const auto largest = largest_index(graph, makers, *indices->value())) add(operand[*axis] - *largest, 1);
  }

  static std::optional<std::size_t> axis_of(const Operation& operation, const Shape& operand) {
    const Argument* axis = operation.find("axis");
    const std::optional<std::int64_t> place = axis && axis->dim() ? axis->dim()->constant() : std::nullopt;
    if (!place) return std::nullopt;
    const auto counted =
        static_cast<std::size_t>(*place < 0 ? *place + static_cast<std::int64_t>(operand.size()) : *place);
    return counted < operand.size() ? std::optional(counted) : std::nullopt;
  }

  void add_all(const Shape& shape, std::int64_t least) {
    for (const Dim& size : shape) add(size, least);
  }

  void add_operand(const Graph& graph, const Argument& argument) {
    if (argument.value() != nullptr) add_all(graph.info(*argument.value()).shape, 1);
    if (argument.array() == nullptr) return;
    for (const Argument& item : argument.array()->items) add_operand(graph, item);
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
