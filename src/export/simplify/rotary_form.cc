#include "export/simplify/rotary_form.h"

#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// The operand of a slice of the last axis alone, of `length` items from `begin` on.
const Value* sliced(const GraphSoFar& graph, Value part, std::int64_t begin, std::int64_t length) {
  const Operation* slice = graph.maker(part, "slice");
  const Value* whole = slice == nullptr ? nullptr : GraphSoFar::operand(*slice, 0);
  if (whole == nullptr || slice->find("stride") != nullptr) return nullptr;
  const std::vector<std::int64_t> axes = {std::ssize(graph.shape(*whole)) - 1}, start = {begin}, end = {begin + length};
  const bool is_it = nnef::numbers_of(*slice, "axes") == axes && nnef::numbers_of(*slice, "begin") == start &&
                     nnef::numbers_of(*slice, "end") == end;
  return is_it ? whole : nullptr;
}

// The tensor whose halves are swapped, the first of them negative then.
const Value* turned(const GraphSoFar& graph, Value value) {
  const Operation* concat = graph.maker(value, "concat");
  const Shape& shape = graph.shape(value);
  const nnef::Argument* parts = concat == nullptr ? nullptr : concat->find("values");
  const nnef::Argument* axis = concat == nullptr ? nullptr : concat->find("axis");
  if (parts == nullptr || parts->array() == nullptr || parts->array()->items.size() != 2) return nullptr;
  if (axis == nullptr || axis->dim() == nullptr || *axis->dim() != Dim(std::ssize(shape) - 1)) return nullptr;
  if (!shape.back().is_constant() || shape.back().value() % 2 != 0) return nullptr;
  const Value *first = parts->array()->items[0].value(), *second = parts->array()->items[1].value();
  const Operation* negation = first == nullptr ? nullptr : graph.maker(*first, "neg");
  const Value* negated = negation == nullptr ? nullptr : GraphSoFar::operand(*negation, 0);
  if (negated == nullptr || second == nullptr) return nullptr;
  const std::int64_t half = shape.back().value() / 2;
  const Value *behind = sliced(graph, *negated, half, half), *before = sliced(graph, *second, 0, half);
  const bool is_whole = behind != nullptr && before != nullptr && *behind == *before && graph.shape(*behind) == shape;
  return is_whole ? behind : nullptr;
}

// The other factor of a product.
const Value* beside(const GraphSoFar& graph, Value product, Value factor) {
  const Operation* mul = graph.maker(product, "mul");
  if (mul == nullptr) return nullptr;
  const Value *a = GraphSoFar::operand(*mul, 0), *b = GraphSoFar::operand(*mul, 1);
  if (a == nullptr || b == nullptr) return nullptr;
  return *a == factor ? b : *b == factor ? a : nullptr;
}

}  // namespace

std::optional<Value> as_rotated(GraphSoFar& graph, const Operation& operation) {
  if (!graph.builder().dialect().has("tract_transformers_apply_rope")) return std::nullopt;
  if (graph.info(operation.results.front()).dtype != nnef::DType::kF32) return std::nullopt;
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value *straight = GraphSoFar::operand(operation, 1 - place), *crossed = GraphSoFar::operand(operation, place);
    const Operation* mul = straight == nullptr || crossed == nullptr ? nullptr : graph.maker(*crossed, "mul");
    if (mul == nullptr) continue;
    for (const std::size_t factor : {std::size_t{0}, std::size_t{1}}) {
      const Value *half_turned = GraphSoFar::operand(*mul, factor), *sin = GraphSoFar::operand(*mul, 1 - factor);
      const Value* x = half_turned == nullptr || sin == nullptr ? nullptr : turned(graph, *half_turned);
      const Value* cos = x == nullptr ? nullptr : beside(graph, *straight, *x);
      if (cos == nullptr || graph.shape(*x) != graph.shape(operation.results.front())) continue;
      const std::size_t rank = graph.shape(*x).size();
      if (graph.shape(*cos).size() != rank || graph.shape(*sin).size() != rank) continue;
      return graph.builder().add("tract_transformers_apply_rope", {*x, *cos, *sin});
    }
  }
  return std::nullopt;
}

}  // namespace torch2nnef
