// What a product reads is repeated item by item, not broadcast.
//
// tract's optimiser takes a broadcast for what it repeats: of matmul(broadcast(x), w) it makes matmul(x, w), and the
// repeated axis of the product is 1 (T-BROADCAST-PRODUCT); through concat, of which it makes a sum of products, it then
// fails (T-BROADCAST-CONCAT). It does not
// look through a gather.
#include <algorithm>
#include <array>

#include "nnef/builder/builder_state.h"
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

// Operations that move items about, through which the optimiser looks.
bool moves_items(std::string_view op) {
  static constexpr std::array<std::string_view, 8> kOps = {"concat",  "reshape", "transpose", "unsqueeze",
                                                           "squeeze", "slice",   "tile",      "tract_core_cast"};
  return std::find(kOps.begin(), kOps.end(), op) != kOps.end();
}

// x with the axes of 1 that the shape repeats, repeated.
Value repeated(Builder& b, Value x, const Shape& shape) {
  x = b.align_rank(x, static_cast<int>(shape.size()));
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (b.shape(x)[axis] == shape[axis]) continue;
    const Value places = b.broadcast_to(b.constant(std::int64_t{0}, DType::kI64), {shape[axis]});
    x = b.add("tract_core_gather", {x, places}, {{"axis", static_cast<int>(axis)}});
  }
  return x;
}

bool is_static(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is_constant(); });
}

// A broadcast, or a tile that repeats axes of 1 only.
bool is_broadcast(const Graph& graph, const Operation& operation) {
  if (operation.op == "tract_core_broadcast") return operation.arguments.at(0).argument.value() != nullptr;
  if (operation.op != "tile") return false;
  const Shape &before = graph.info(*operation.arguments.at(0).argument.value()).shape,
              &after = graph.info(operation.results.at(0)).shape;
  for (std::size_t axis = 0; axis < before.size(); ++axis) {
    if (before[axis] != after[axis] && before[axis] != Dim(1)) return false;
  }
  return true;
}

// Of two arguments of one form.
bool same_values(const Argument& a, const Argument& b) {
  if (a.value() != nullptr) return *a.value() == *b.value();
  if (a.array() == nullptr) return true;
  const auto &left = a.array()->items, &right = b.array()->items;
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_values);
}

}  // namespace

bool is_product(std::string_view op) {
  return op == "matmul" || op == "conv" || op == "deconv" || op == "tract_core_einsum";
}

Value Builder::State::item_by_item(Builder& b, Value x) {
  const Graph& graph = b.graph();
  for (; indexed < graph.operations.size(); ++indexed) {
    for (Value result : graph.operations[indexed].results) producers[result.id] = indexed;
  }
  if (const auto known_form = without_broadcast.find(x.id); known_form != without_broadcast.end()) {
    return known_form->second;
  }
  const auto place = producers.find(x.id);
  if (place == producers.end()) return x;
  const Operation operation = graph.operations[place->second];
  Value result = x;
  if (is_broadcast(graph, operation)) {
    const Value source = *operation.arguments.at(0).argument.value();
    const Shape shape = b.shape(x);
    const bool is_folded = variable_operation.contains(source.id) && is_static(shape);  // a constant to the engine
    if (!is_folded) result = repeated(b, source, shape);
  } else if (moves_items(operation.op) || is_elementwise(operation.op)) {
    result = moved_item_by_item(b, x, operation);
  }
  without_broadcast[x.id] = result;
  return result;
}

Argument Builder::State::item_by_item(Builder& b, const Argument& tensor) {
  if (const Value* value = tensor.value()) return item_by_item(b, *value);
  const Argument::Array* array = tensor.array();
  if (array == nullptr) return tensor;
  Argument::Array forms = *array;
  for (Argument& item : forms.items) item = item_by_item(b, item);
  return forms;
}

// The same operation on what stands for its operands. Beside an operand that has all items anyway, an elementwise
// operation may broadcast the other.
Value Builder::State::moved_item_by_item(Builder& b, Value x, const Operation& operation) {
  const OperatorDeclaration& declaration = *b.dialect().find(operation.op);
  std::vector<Argument> tensors;
  std::vector<NamedArgument> attributes;
  bool is_changed = false, is_whole = false;
  for (const NamedArgument& given : operation.arguments) {
    if (!declaration.find(given.name)->is_tensor) {
      attributes.push_back(given);
      continue;
    }
    tensors.push_back(item_by_item(b, given.argument));
    const bool is_same = same_values(tensors.back(), given.argument);
    is_changed = is_changed || !is_same;
    const Value* value = given.argument.value();
    is_whole = is_whole || (is_same && value != nullptr && b.shape(*value) == b.shape(x));
  }
  if (!is_changed || (is_whole && is_elementwise(operation.op))) return x;
  return b.add(operation.op, std::move(tensors), std::move(attributes));
}

}  // namespace nnef
