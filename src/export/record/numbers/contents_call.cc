// Arithmetic on small tensors whose items follow from sizes: kept as expressions, not recorded.

#include <algorithm>
#include <numeric>

#include "export/record/numbers/size_math.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

using Items = std::vector<Ratio>;

constexpr std::int64_t kMostContents = 16;

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

bool only_moves(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::select", "aten::slice",   "aten::squeeze", "aten::unsqueeze",
                                               "aten::view",   "aten::reshape", "aten::flatten", "aten::expand",
                                               "aten::flip",   "aten::permute", "aten::t",       "aten::narrow"};
  return kNames.count(name) > 0;
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

// Element by element: arithmetic, rounding, and bounds.
std::optional<Items> Recorder::elementwise_items(const c10::FunctionSchema& schema, const std::string& name,
                                                 const std::vector<Slot>& inputs, std::size_t count) {
  auto named = [&](const char* wanted) -> std::optional<Items> {
    auto index = schema.argumentIndexWithName(wanted);
    if (!index || static_cast<std::size_t>(*index) >= inputs.size()) return std::nullopt;
    return contents_of(inputs[static_cast<std::size_t>(*index)]);
  };
  std::optional<Items> items = contents_of(inputs.at(0));
  if (!items) return std::nullopt;
  if (name == "aten::clamp" || name == "aten::clip" || name == "aten::clamp_min" || name == "aten::clamp_max") {
    auto low = named("min"), high = named("max");
    if (low) items = elementwise(NumberOp::kMax, *items, *low, count);
    if (high && items) items = elementwise(NumberOp::kMin, *items, *high, count);
    return low || high ? items : std::nullopt;
  }
  bool reversed = name == "aten::rsub";
  auto op = reversed ? NumberOp::kSub : number_op(name);
  if (!op) return std::nullopt;
  bool unary = *op == NumberOp::kNeg || *op == NumberOp::kFloor || *op == NumberOp::kCeil || *op == NumberOp::kTrunc ||
               *op == NumberOp::kSame;
  if (unary) return elementwise(*op, *items, *items, count);
  std::optional<Items> other = inputs.size() > 1 ? contents_of(inputs[1]) : std::nullopt;
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

// The items of a result as expressions, when the operator is one of sizes; `name` is its functional name.
std::optional<Items> Recorder::symbolic_items(const c10::FunctionSchema& schema, const std::string& name,
                                              const std::vector<Slot>& inputs, std::size_t count) {
  if (name == "aten::cat" || name == "aten::stack" || name == "aten::concat") {
    Items items;
    for (const at::Tensor& part : tensors_in(inputs[0].sample())) {
      auto some = contents_of({{part}, {}});
      if (!some) return std::nullopt;
      items.insert(items.end(), some->begin(), some->end());
    }
    return items;
  }
  if (auto ends = end_of_range(schema, inputs)) return ends;
  if (only_moves(name)) {
    auto source = contents_of(inputs.at(0));
    auto found = torch::jit::findOperatorFor(schema.operator_name());
    torch::jit::Stack stack;
    for (const Slot& input : inputs) {
      if (!stack.empty() && notes_.any(input)) return std::nullopt;
      stack.push_back(input.sample());
    }
    if (!source || !found) return std::nullopt;
    return moved(found->getOperation(), std::move(stack), *source);
  }
  if (name == "aten::prod" || name == "aten::sum") {
    auto source = contents_of(inputs.at(0));
    return source && count == 1 ? folded(name == "aten::prod" ? NumberOp::kMul : NumberOp::kAdd, *source)
                                : std::nullopt;
  }
  return elementwise_items(schema, name, inputs, count);
}

// The same, compared with what was computed in every world.
std::optional<Items> Recorder::verified_items(const c10::FunctionSchema& schema, const std::string& name,
                                              const std::vector<Slot>& inputs, const Slot& result) {
  const at::Tensor& tensor = result.sample().toTensor();
  auto count = static_cast<std::size_t>(tensor.numel());
  std::optional<Items> items = symbolic_items(schema, name, inputs, count);
  if (!items || items->size() != count) return std::nullopt;
  if (c10::isIntegralType(tensor.scalar_type(), false)) items = elementwise(NumberOp::kTrunc, *items, *items, count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> seen;
    for (const c10::IValue& world : result.worlds) {
      seen.push_back(world.toTensor().to(at::kDouble).contiguous().data_ptr<double>()[i]);
    }
    if (!holds((*items)[i], seen, worlds())) return std::nullopt;
  }
  return items;
}

bool Recorder::run_contents(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                            std::vector<Slot>& results) {
  if (world_count() < 2 || results.size() != 1 || !may_hold_sizes(results[0])) return false;
  const at::Tensor& tensor = results[0].sample().toTensor();
  // Only where an argument holds sizes already; other calls are recorded as they are.
  bool has_contents = false;
  for (const Slot& input : inputs) {
    for (const at::Tensor& argument : tensors_in(input.sample())) {
      CellPtr cell = argument.defined() ? cells_.find(argument) : nullptr;
      has_contents = has_contents || (cell && (Cells::contents(*cell) || Cells::range(*cell)));
    }
  }
  if (!has_contents) return false;
  std::optional<Items> items = verified_items(schema, schema.name(), inputs, results[0]);
  if (!items) return false;
  if (cells_.find(tensor)) return true;  // the argument itself
  bool aliases = false;
  for (const Slot& input : inputs) {
    for (const at::Tensor& argument : tensors_in(input.sample())) {
      if (!argument.defined() || !argument.is_alias_of(tensor)) continue;
      aliases = true;
      Cells::root(*cells_.of(argument)).not_writable = "a view of sizes";
    }
  }
  CellPtr cell = cells_.add_root(tensor, nnef::make_shape(tensor.sizes().vec()), true, {});
  if (aliases) cell->not_writable = "a view of sizes";
  cell->contents = std::move(*items);
  cell->has_contents = true;
  return true;
}

// A size that is changed in place, when nothing else shares its memory.
bool Recorder::run_contents_in_place(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                                     const std::vector<Slot>& inputs) {
  CellPtr cell = cells_.of(inputs[0].sample().toTensor());
  const std::string& name = schema.name();
  if (world_count() < 2 || !Cells::contents(*cell) || cell->base || !cell->not_writable.empty() || name.back() != '_')
    return false;
  // Computed on copies, so that an expression that does not come out leaves everything as it was.
  std::vector<Slot> copies = inputs;
  for (c10::IValue& world : copies[0].worlds) world = world.toTensor().clone();
  std::vector<Slot> results = execute(node, schema, copies);
  if (!may_hold_sizes(results.at(0))) return false;
  std::optional<Items> items = verified_items(schema, name.substr(0, name.size() - 1), inputs, results[0]);
  if (!items) return false;
  set_results(node, execute(node, schema, inputs), frame);
  ++cell->generation;
  cell->value = {};
  cell->contents = std::move(*items);
  cell->contents_seen = cell->generation;
  return true;
}

}  // namespace torch2nnef
