#include "export/record/numbers/contents.h"

#include <algorithm>
#include <numeric>

#include "export/operators/operators.h"
#include "export/record/ivalues.h"
#include "export/record/numbers/ranges.h"
#include "export/record/numbers/size_math.h"

namespace torch2nnef {
namespace {

const Ratio& item(const Items& items, std::size_t index) { return items.size() == 1 ? items[0] : items.at(index); }

std::optional<Items> elementwise(NumberOp op, const Items& a, const Items& b, std::size_t count) {
  if ((a.size() != 1 && a.size() != count) || (b.size() != 1 && b.size() != count)) return std::nullopt;
  Items result;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<Ratio> one = apply(op, item(a, i), item(b, i));
    if (!one) return std::nullopt;
    result.push_back(*one);
  }
  return result;
}

std::optional<Items> folded(NumberOp op, const Items& items) {
  if (items.empty()) return std::nullopt;
  std::optional<Ratio> total = items[0];
  for (std::size_t i = 1; i < items.size() && total; ++i) total = apply(op, *total, items[i]);
  if (!total) return std::nullopt;
  return Items{*total};
}

// What an operator that only moves items does, seen by letting it move their indices.
std::optional<Items> moved(torch::jit::Operation operation, torch::jit::Stack stack, const Items& items) {
  at::Tensor& first = stack.at(0).toTensor();
  std::vector<std::int64_t> indices(items.size());
  std::iota(indices.begin(), indices.end(), 0);
  stack[0] = at::tensor(indices, at::kLong).reshape(first.sizes());
  operation(stack);
  if (!stack.at(0).isTensor()) return std::nullopt;
  at::Tensor places = stack[0].toTensor().to(at::kLong).contiguous();
  Items result;
  for (std::int64_t i = 0; i < places.numel(); ++i) {
    result.push_back(items.at(static_cast<std::size_t>(places.data_ptr<std::int64_t>()[i])));
  }
  return result;
}

// Items of the first tensor, at places that no other tensor decides.
bool only_moves(const OperatorRow& row, const Slots& inputs) {
  return row.is(kMoves) && inputs.at(0).sample().isTensor() &&
         std::all_of(inputs.begin() + 1, inputs.end(),
                     [](const Slot& input) { return tensors_in(input.sample()).empty(); });
}

// A short tensor of numbers, of one shape at all sizes.
bool may_hold_sizes(const Slot& slot) {
  if (!slot.sample().isTensor() || !slot.sample().toTensor().defined()) return false;
  const at::Tensor& tensor = slot.sample().toTensor();
  bool is_number = !tensor.is_complex() && !tensor.is_quantized() && tensor.scalar_type() != at::kBool;
  if (!is_number || tensor.numel() == 0 || tensor.numel() > kMostContents || tensor.dim() > 1) return false;
  return std::all_of(slot.worlds.begin(), slot.worlds.end(),
                     [&](const c10::IValue& world) { return world.toTensor().sizes() == tensor.sizes(); });
}

}  // namespace

std::optional<Items> contents_of(RecordContext& context, const Slot& slot) {
  const c10::IValue& value = slot.sample();
  if (is_number(value)) {
    if (slot.note.kind == Note::Kind::kSizes && !value.isBool()) return Items{slot.note.ratio};
    std::optional<Ratio> ratio = slot.note ? std::nullopt : ratio_of(value);
    if (!ratio) return std::nullopt;
    return Items{*ratio};
  }
  if (!value.isTensor() || !value.toTensor().defined()) return std::nullopt;
  const at::Tensor& tensor = value.toTensor();
  CellPtr cell = context.cells.of(tensor);
  if (const Items* known = Cells::contents(*cell)) return *known;
  bool plain = tensor.scalar_type() == at::kLong || tensor.scalar_type() == at::kInt ||
               tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble;
  if (Cells::live(*cell) || !plain || tensor.numel() > kMostContents) return std::nullopt;
  Items items;
  at::Tensor numbers = tensor.to(at::kDouble).contiguous();
  for (std::int64_t i = 0; i < numbers.numel(); ++i) {
    std::optional<Ratio> ratio = ratio_of(numbers.data_ptr<double>()[i]);
    if (!ratio) return std::nullopt;
    items.push_back(*ratio);
  }
  return items;
}

// Element by element: arithmetic, rounding, and bounds.
std::optional<Items> Contents::elementwise_items(const c10::FunctionSchema& schema, const std::string& name,
                                                 const Slots& inputs, std::size_t count) {
  auto named = [&](const char* wanted) -> std::optional<Items> {
    auto index = schema.argumentIndexWithName(wanted);
    if (!index || static_cast<std::size_t>(*index) >= inputs.size()) return std::nullopt;
    return contents_of(context_, inputs[static_cast<std::size_t>(*index)]);
  };
  std::optional<Items> items = contents_of(context_, inputs.at(0));
  if (!items) return std::nullopt;
  const OperatorRow& row = row_of(name, schema.overload_name());
  if (row.number == NumberOp::kClamp) {
    auto low = named("min"), high = named("max");
    if (low) items = elementwise(NumberOp::kMax, *items, *low, count);
    if (high && items) items = elementwise(NumberOp::kMin, *items, *high, count);
    return low || high ? items : std::nullopt;
  }
  const bool reversed = row.number == NumberOp::kSubFrom;
  auto op = reversed ? NumberOp::kSub : number_op(name);
  if (!op) return std::nullopt;
  if (schema.argumentIndexWithName("decimals")) return std::nullopt;
  if (takes_one_number(*op)) return elementwise(*op, *items, *items, count);
  std::optional<Items> other = inputs.size() > 1 ? contents_of(context_, inputs[1]) : std::nullopt;
  if (!other) return std::nullopt;
  if (reversed) std::swap(items, other);
  if (auto alpha = named("alpha")) {
    auto& scaled = reversed ? items : other;
    scaled = elementwise(NumberOp::kMul, *scaled, *alpha, scaled->size());
  }
  if (!items || !other) return std::nullopt;
  items = elementwise(*op, *items, *other, count);
  auto rounding = schema.argumentIndexWithName("rounding_mode");
  if (rounding && items && inputs.at(static_cast<std::size_t>(*rounding)).sample().isString()) {
    items = elementwise(NumberOp::kFloor, *items, *items, count);
  }
  return items;
}

std::optional<Items> Contents::moved_items(const c10::FunctionSchema& schema, const Slots& inputs) {
  auto source = contents_of(context_, inputs.at(0));
  auto found = torch::jit::findOperatorFor(schema.operator_name());
  torch::jit::Stack stack;
  for (const Slot& input : inputs) {
    if (!stack.empty() && context_.notes.any(input)) return std::nullopt;
    stack.push_back(input.sample());
  }
  if (!source || !found) return std::nullopt;
  return moved(found->getOperation(), std::move(stack), *source);
}

// The items of a result as expressions, when the operator is one of sizes; `name` is its functional name.
std::optional<Items> Contents::symbolic(const c10::FunctionSchema& schema, const std::string& name, const Slots& inputs,
                                        std::size_t count) {
  const OperatorRow& row = row_of(name, schema.overload_name());
  if (row.number == NumberOp::kConcatenate) {
    Items items;
    for (const at::Tensor& part : tensors_in(inputs[0].sample())) {
      auto some = contents_of(context_, {{part}, {}});
      if (!some) return std::nullopt;
      items.insert(items.end(), some->begin(), some->end());
    }
    return items;
  }
  if (auto ends = end_of_range(context_, schema, inputs)) return ends;
  if (only_moves(row, inputs)) return moved_items(schema, inputs);
  if (const auto combines = number_op_of_all(row.number)) {
    auto source = contents_of(context_, inputs.at(0));
    return source && count == 1 ? folded(*combines, *source) : std::nullopt;
  }
  return elementwise_items(schema, name, inputs, count);
}

// The same, compared with what was computed in every world.
std::optional<Items> Contents::verified(const c10::FunctionSchema& schema, const std::string& name, const Slots& inputs,
                                        const Slot& result) {
  const at::Tensor& tensor = result.sample().toTensor();
  auto count = static_cast<std::size_t>(tensor.numel());
  std::optional<Items> items = symbolic(schema, name, inputs, count);
  if (!items || items->size() != count) return std::nullopt;
  if (c10::isIntegralType(tensor.scalar_type(), false)) items = elementwise(NumberOp::kTrunc, *items, *items, count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> seen;
    for (const c10::IValue& world : result.worlds) {
      seen.push_back(world.toTensor().to(at::kDouble).contiguous().data_ptr<double>()[i]);
    }
    if (!holds((*items)[i], seen, context_.worlds())) return std::nullopt;
  }
  return items;
}

bool Contents::any_contents(const Slots& inputs) {
  for (const Slot& input : inputs) {
    for (const at::Tensor& argument : tensors_in(input.sample())) {
      CellPtr cell = argument.defined() ? context_.cells.find(argument) : nullptr;
      if (cell && (Cells::contents(*cell) || Cells::range(*cell))) return true;
    }
  }
  return false;
}

bool Contents::add(const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results) {
  if (context_.world_count() < 2 || results.size() != 1 || !may_hold_sizes(results[0])) return false;
  const at::Tensor& tensor = results[0].sample().toTensor();
  // Only where an argument holds sizes already; other calls are recorded as they are.
  if (!any_contents(inputs)) return false;
  std::optional<Items> items = verified(schema, schema.name(), inputs, results[0]);
  if (!items) return false;
  if (context_.cells.find(tensor)) return true;  // the argument itself
  bool aliases = false;
  for (const Slot& input : inputs) {
    for (const at::Tensor& argument : tensors_in(input.sample())) {
      if (!argument.defined() || !argument.is_alias_of(tensor)) continue;
      aliases = true;
      Cells::root(*context_.cells.of(argument)).not_writable = "a view of sizes";
    }
  }
  CellPtr cell = context_.cells.add_root(tensor, nnef::make_shape(tensor.sizes().vec()), true, {});
  if (aliases) cell->not_writable = "a view of sizes";
  cell->contents = std::move(*items);
  cell->has_contents = true;
  return true;
}

std::optional<Slots> Contents::write(const Callee& callee, const Slots& inputs) {
  CellPtr cell = context_.cells.of(inputs[0].sample().toTensor());
  const std::string& name = callee.schema.name();
  const bool is_size = context_.world_count() > 1 && Cells::contents(*cell) && name.back() == '_';
  if (!is_size || cell->base || !cell->not_writable.empty()) return std::nullopt;
  // Computed on copies, so that an expression that does not come out leaves everything as it was.
  Slots copies = inputs;
  for (c10::IValue& world : copies[0].worlds) world = world.toTensor().clone();
  Slots results = execute(context_, callee, copies);
  if (!may_hold_sizes(results.at(0))) return std::nullopt;
  std::optional<Items> items = verified(callee.schema, name.substr(0, name.size() - 1), inputs, results[0]);
  if (!items) return std::nullopt;
  results = execute(context_, callee, inputs);
  ++cell->generation;
  cell->value = {};
  cell->contents = std::move(*items);
  cell->contents_seen = cell->generation;
  return results;
}

}  // namespace torch2nnef
