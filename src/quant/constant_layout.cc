#include "quant/constant_layout.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "nnef/archive/item_type.h"
#include "quant/graph_edit.h"
#include "quant/weight_uses.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// What tract may make of constants while it loads a model: results up to that many bytes, larger ones only where they
// are not larger than what they are made of and that has one use.
constexpr std::int64_t kBudget = std::int64_t{4} << 20;
constexpr std::int64_t kPieceItems = kBudget / 4;
constexpr nnef::Version kFoldsNoLargeCasts{0, 23, 5};

std::int64_t items_of(const Shape& shape) {
  std::int64_t items = 1;
  for (const Dim& dim : shape) items *= dim.value();
  return items;
}

std::int64_t bytes_of(const nnef::ValueInfo& info) {
  return items_of(info.shape) * static_cast<std::int64_t>(nnef::item_size(info.dtype));
}

class Layout {
 public:
  Layout(Graph& graph, const nnef::Target& target) : graph_(graph), target_(target), edit_(graph) {}

  std::vector<Value> run() {
    for (const UsedWeight& weight : weight_uses(graph_)) {
      if (!graph_.variables.count(weight.label) || is_block(weight)) continue;
      cast_in_pieces(weight);
      if (is_shared(weight)) multiply_in_halves(weight);
    }
    return edit_.finish();
  }

 private:
  bool is_block(const UsedWeight& weight) const {
    return nnef::item_type_of(*graph_.variables.at(weight.label)).is_block();
  }

  Value sliced(Value x, int axis, std::int64_t begin, std::int64_t end, std::size_t before, Value for_value) {
    const nnef::ValueInfo info = graph_.info(x);
    Shape shape = info.shape;
    shape[static_cast<std::size_t>(axis)] = Dim(end - begin);
    const Value part = edit_.add_value(info.name + "_part", info.dtype, shape, for_value);
    const std::vector<std::int64_t> axes{axis}, first{begin}, last{end};
    edit_.add_before(before, {"slice", {{"input", x}, {"axes", axes}, {"begin", first}, {"end", last}}, {part}, ""});
    return part;
  }

  // Casts of the weight itself, or of the weight with other axes.
  void cast_in_pieces(const UsedWeight& weight) {
    const bool is_used_elsewhere = weight.uses.size() > 1;
    if (target_.version < kFoldsNoLargeCasts && !is_used_elsewhere) return;
    for (const WeightUse& use : weight.uses) {
      if (use.name != "tract_core_cast") continue;
      const Operation cast = graph_.operations[use.operation];
      const Value x = *cast.find("input")->value(), y = cast.results.front();
      const bool grows = nnef::item_size(graph_.info(y).dtype) > nnef::item_size(graph_.info(x).dtype);
      if ((grows || is_used_elsewhere) && bytes_of(graph_.info(y)) > kBudget) cast_in_pieces(cast, x, y, use.operation);
    }
  }

  void cast_in_pieces(const Operation& cast, Value x, Value y, std::size_t at) {
    const Shape shape = graph_.info(x).shape;
    int axis = 0;
    while (shape[static_cast<std::size_t>(axis)] == Dim(1)) ++axis;
    const std::int64_t rows = shape[static_cast<std::size_t>(axis)].value(), row = items_of(shape) / rows;
    const std::int64_t at_once =
        std::max<std::int64_t>(1, kPieceItems / row);  // a row alone may be too large: it stays
    std::vector<Value> parts;
    for (std::int64_t begin = 0; begin < rows; begin += at_once) {
      const Value part = sliced(x, axis, begin, std::min(begin + at_once, rows), at, y);
      const nnef::ValueInfo info = graph_.info(part);
      Operation piece = cast;
      piece.arguments.front().argument = part;
      piece.results = {edit_.add_value(graph_.info(y).name + "_part", graph_.info(y).dtype, info.shape, y)};
      parts.push_back(piece.results.front());
      edit_.add_before(at, std::move(piece));
    }
    graph_.operations[at].op = "concat";
    graph_.operations[at].arguments = {{"values", parts}, {"axis", axis}};
  }

  // A factor, and something else that is not: tract then packs the factor on every run. Several products share a
  // constant as well as one.
  bool is_shared(const UsedWeight& weight) const {
    const auto is_product = [](const WeightUse& use) {
      return use.kind == WeightUse::Kind::kProduct || use.kind == WeightUse::Kind::kFlipped;
    };
    const auto products = std::count_if(weight.uses.begin(), weight.uses.end(), is_product);
    return products > 0 && products < static_cast<std::ptrdiff_t>(weight.uses.size()) &&
           bytes_of(graph_.info(weight.value)) > kBudget;
  }

  // Slices are made once, whatever else reads what they are cut from.
  void multiply_in_halves(const UsedWeight& weight) {
    std::optional<std::pair<Value, Value>> halves[2];  // along each of its axes
    for (const WeightUse& use : weight.uses) {
      const bool is_flipped = use.kind == WeightUse::Kind::kFlipped;
      if (!is_flipped && use.kind != WeightUse::Kind::kProduct) continue;
      const int axis = is_flipped ? 1 : 0;
      const std::int64_t size = graph_.info(weight.value).shape[static_cast<std::size_t>(axis)].value();
      if (size < 2) continue;
      if (!halves[axis]) {
        const auto half = [&](std::int64_t begin, std::int64_t end) {
          return sliced(weight.value, axis, begin, end, use.operation, weight.value);
        };
        halves[axis].emplace(half(0, size / 2), half(size / 2, size));
      }
      multiply(use.operation, {halves[axis]->first, halves[axis]->second}, axis, is_flipped);
    }
    for (std::size_t operation : weight.between) edit_.may_go(operation);  // what only added axes for the products
  }

  void multiply(std::size_t at, const std::vector<Value>& parts, int axis, bool is_flipped) {
    const Operation product = graph_.operations[at];
    const Value y = product.results.front();
    std::vector<Value> results;
    for (Value part : parts) {
      nnef::ValueInfo info = graph_.info(y);
      info.shape.back() = graph_.info(part).shape[static_cast<std::size_t>(axis)];
      Operation piece = product_with(graph_, product, part, is_flipped);
      piece.results = {edit_.add_value(info.name + "_part", info.dtype, info.shape, y)};
      results.push_back(piece.results.front());
      edit_.add_before(at, std::move(piece));
    }
    const auto last = static_cast<std::int64_t>(graph_.info(y).shape.size()) - 1;
    graph_.operations[at].op = "concat";
    graph_.operations[at].arguments = {{"values", results}, {"axis", last}};
  }

  Graph& graph_;
  const nnef::Target& target_;
  GraphEdit edit_;
};

}  // namespace

std::vector<Value> lay_out_constants(Graph& graph, const nnef::Target& target) {
  if (target.kind != nnef::Target::Kind::kTract) return {};
  return Layout(graph, target).run();
}

}  // namespace torch2nnef
