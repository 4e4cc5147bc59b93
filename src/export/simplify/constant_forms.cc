#include "export/simplify/constant_forms.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

using Items = std::vector<std::int64_t>;

constexpr std::int64_t kMostItems = 1 << 14;

// The items of an operand, repeated to the shape of the result.
std::optional<Items> items_in(const GraphSoFar& graph, const Argument& operand, const Items& sizes) {
  std::int64_t count = 1;
  for (std::int64_t size : sizes) count *= size;
  if (const auto number = graph.number(operand)) {
    return Items(static_cast<std::size_t>(count), static_cast<std::int64_t>(*number));
  }
  const Value* value = operand.value();
  const auto given = value == nullptr ? std::nullopt : graph.constant_items(*value);
  if (!given || graph.shape(*value).size() != sizes.size()) return std::nullopt;
  Items result;
  for (std::int64_t place = 0; place < count; ++place) {
    std::int64_t rest = place, from = 0, step = 1;
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      const std::int64_t size = graph.shape(*value)[axis].value();
      if (size != 1) from += rest % sizes[axis] * step;
      rest /= sizes[axis];
      step *= size;
    }
    result.push_back((*given)[static_cast<std::size_t>(from)]);
  }
  return result;
}

// As the engine computes it, which wraps.
std::int64_t computed(const std::string& op, std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  return static_cast<std::int64_t>(op == "add" ? x + y : op == "sub" ? x - y : x * y);
}

bool is_list_of_items(const GraphSoFar& graph, const Operation& operation) {
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value* value = GraphSoFar::operand(operation, place);
    if (value != nullptr && graph.constant_items(*value)) return true;
  }
  return false;
}

}  // namespace

std::optional<Value> as_constant(GraphSoFar& graph, const Operation& operation) {
  const nnef::ValueInfo& info = graph.info(operation.results.front());
  const nnef::Dim volume = nnef::volume(info.shape);
  if (info.dtype != DType::kI64 || !volume.is_constant() || volume.value() > kMostItems) return std::nullopt;
  if (!is_list_of_items(graph, operation)) return std::nullopt;  // numbers alone stay literals
  Items sizes;
  for (const nnef::Dim& dim : info.shape) sizes.push_back(dim.value());
  const auto a = items_in(graph, operation.arguments.at(0).argument, sizes),
             b = items_in(graph, operation.arguments.at(1).argument, sizes);
  if (!a || !b) return std::nullopt;
  std::vector<std::byte> bytes(a->size() * sizeof(std::int64_t));
  for (std::size_t i = 0; i < a->size(); ++i) {
    const std::int64_t item = computed(operation.op, (*a)[i], (*b)[i]);
    std::memcpy(bytes.data() + i * sizeof item, &item, sizeof item);
  }
  const std::string label = info.name;
  return graph.builder().variable(label, std::make_shared<nnef::OwnedTensor>(DType::kI64, sizes, std::move(bytes)));
}

std::optional<Value> without_order(GraphSoFar& graph, const Operation& gather) {
  const Value *list = GraphSoFar::operand(gather, 0), *index = GraphSoFar::operand(gather, 1);
  if (list == nullptr || index == nullptr || graph.shape(*list).size() != 1) return std::nullopt;
  const auto places = graph.constant_items(*index);
  if (!places || graph.shape(*list).front() != nnef::Dim(static_cast<std::int64_t>(places->size())))
    return std::nullopt;
  for (std::size_t i = 0; i < places->size(); ++i) {
    if ((*places)[i] != static_cast<std::int64_t>(i)) return std::nullopt;
  }
  const Value whole = *list;
  const Shape shape = graph.shape(gather.results.front());
  return graph.builder().reshape(whole, shape);
}

}  // namespace torch2nnef
