#include "export/ops/shape/widened.h"

#include <algorithm>
#include <optional>

namespace torch2nnef {

const nnef::Operation* maker_of(Builder& b, Value x) {
  const auto& operations = b.graph().operations;
  const auto place = std::find_if(operations.rbegin(), operations.rend(), [x](const nnef::Operation& operation) {
    return std::find(operation.results.begin(), operation.results.end(), x) != operation.results.end();
  });
  return place == operations.rend() ? nullptr : &*place;
}

namespace {

std::vector<int> axes_of(const nnef::Operation& operation) {
  std::vector<int> axes;
  for (const Argument& axis : operation.find("axes")->array()->items) {
    axes.push_back(static_cast<int>(axis.dim()->value()));
  }
  return axes;
}

// A tile repeats like a broadcast where the extent was 1.
bool is_broadcast(const Shape& from, const Shape& to) {
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] != to[axis] && from[axis] != Dim(1)) return false;
  }
  return true;
}

// Of the same rank as x, which is a broadcast of it; nothing when x is not known to be one.
std::optional<Value> source_of(Builder& b, Value x) {
  const nnef::Operation* maker = maker_of(b, x);
  if (maker == nullptr || maker->arguments.empty() || maker->arguments[0].argument.value() == nullptr) return {};
  const nnef::Operation operation = *maker;  // what follows adds operations
  const Value input = *operation.arguments[0].argument.value();
  if (operation.op == "tract_core_broadcast") {
    const Value source = source_of(b, input).value_or(input);
    return b.align_rank(source, b.rank(x));
  }
  if (operation.op == "tile") return is_broadcast(b.shape(input), b.shape(x)) ? std::optional(input) : std::nullopt;
  const bool moves_axes = operation.op == "transpose" || operation.op == "unsqueeze" || operation.op == "squeeze";
  if (!moves_axes) return {};
  const std::optional<Value> source = source_of(b, input);
  if (!source) return {};
  if (operation.op == "unsqueeze") return b.unsqueeze(*source, axes_of(operation));
  if (operation.op == "squeeze") return b.squeeze(*source, axes_of(operation));
  std::vector<int> order = axes_of(operation);
  while (static_cast<int>(order.size()) < b.rank(x)) order.push_back(static_cast<int>(order.size()));
  return b.transpose(*source, order);
}

}  // namespace

Value without_repeats(Builder& b, Value x, int kept) {
  const std::optional<Value> source = source_of(b, x);
  if (!source) return x;
  Shape part = b.shape(*source);
  const Shape whole = b.shape(x);
  std::copy(whole.end() - kept, whole.end(), part.end() - kept);
  return part == whole ? x : b.broadcast_to(*source, part);
}

}  // namespace torch2nnef
