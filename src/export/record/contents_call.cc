// Arithmetic on small tensors whose items follow from sizes: kept as expressions, not recorded.

#include <algorithm>
#include <numeric>

#include "export/record/recorder.h"
#include "export/record/size_math.h"

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
  static const std::set<std::string> kNames = {"aten::select",  "aten::slice",   "aten::squeeze", "aten::unsqueeze",
                                               "aten::view",    "aten::reshape", "aten::flatten", "aten::expand",
                                               "aten::flip",    "aten::permute", "aten::t",       "aten::narrow"};
  return kNames.count(name) > 0;
}

}  // namespace

// An item of a range by its constant index, or its smallest or largest.
std::optional<Items> Recorder::end_of_range(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  if (inputs.empty() || !inputs[0].sample().isTensor()) return std::nullopt;
  CellPtr cell = cells_.find(inputs[0].sample().toTensor());
  const Range* range = cell ? Cells::range(*cell) : nullptr;
  if (!range) return std::nullopt;
  nnef::Dim place;
  bool rises = range->step.numerator.is_constant() && range->step.numerator.value() > 0;
  if (schema.name() == "aten::select" && !notes_.any(inputs[2]) && inputs[2].sample().isInt()) {
    std::int64_t index = inputs[2].sample().toInt();
    place = index < 0 ? range->size + nnef::Dim(index) : nnef::Dim(index);
  } else if ((schema.name() == "aten::max" || schema.name() == "aten::amax") && inputs.size() == 1 && rises) {
    place = range->size - nnef::Dim(1);
  } else if (schema.name() != "aten::min" || inputs.size() != 1 || !rises) {
    return std::nullopt;
  }
  std::optional<Ratio> away = apply(NumberOp::kMul, range->step, {place, 1});
  std::optional<Ratio> item = away ? apply(NumberOp::kAdd, range->start, *away) : std::nullopt;
  if (!item) return std::nullopt;
  return Items{*item};
}

// A range that arange makes, or that a number is added to.
void Recorder::carry_range(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                           const std::vector<Slot>& results) {
  if (results.size() != 1 || !results[0].sample().isTensor() || results[0].sample().toTensor().dim() != 1) return;
  CellPtr cell = cells_.find(results[0].sample().toTensor());
  if (!cell || cell->range || !c10::isIntegralType(results[0].sample().toTensor().scalar_type(), false)) return;
  auto number = [&](const char* name) -> std::optional<Ratio> {
    auto index = schema.argumentIndexWithName(name);
    auto items = index && static_cast<std::size_t>(*index) < inputs.size() ? contents_of(inputs[static_cast<std::size_t>(*index)])
                                                                           : std::nullopt;
    return items && items->size() == 1 ? std::optional<Ratio>(items->front()) : std::nullopt;
  };
  std::optional<Range> range;
  if (schema.name() == "aten::arange") {
    bool has_start = schema.argumentIndexWithName("start").has_value(), has_step = schema.argumentIndexWithName("step").has_value();
    std::optional<Ratio> start = has_start ? number("start") : Ratio{nnef::Dim(0), 1};
    std::optional<Ratio> step = has_step ? number("step") : Ratio{nnef::Dim(1), 1};
    if (start && step) range = Range{*start, *step, cell->shape.at(0)};
  } else if (auto op = number_op(schema.name()); op && inputs[0].sample().isTensor()) {
    CellPtr source = cells_.find(inputs[0].sample().toTensor());
    const Range* old = source ? Cells::range(*source) : nullptr;
    if (!old) return;
    if (*op == NumberOp::kSame) range = *old;
    auto other = number("other"), alpha = number("alpha");
    bool shifts = (*op == NumberOp::kAdd || *op == NumberOp::kSub) && other && alpha && alpha->numerator == nnef::Dim(1);
    if (auto start = shifts ? apply(*op, old->start, *other) : std::nullopt) range = Range{*start, old->step, old->size};
  }
  if (!range) return;
  for (std::size_t world = 0; world < world_count(); ++world) {
    at::Tensor items = results[0].worlds[world].toTensor().to(at::kDouble);
    const nnef::Bindings& sizes = worlds()[world];
    at::Tensor expected = at::arange(items.size(0), at::kDouble) * range->step.evaluate(sizes) + range->start.evaluate(sizes);
    if (range->size.evaluate(sizes) != items.size(0) || !at::equal(items, expected)) return;
  }
  cell->range = std::move(range);
  cell->contents_seen = Cells::root(*cell).generation;
}

bool Recorder::run_contents(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                            std::vector<Slot>& results) {
  if (world_count() < 2 || results.size() != 1 || !results[0].sample().isTensor()) return false;
  const at::Tensor& tensor = results[0].sample().toTensor();
  if (!tensor.defined() || tensor.numel() > kMostContents || tensor.dim() > 1 || tensor.is_complex() ||
      tensor.scalar_type() == at::kBool || tensor.numel() == 0) {
    return false;
  }
  for (const c10::IValue& world : results[0].worlds) {
    if (world.toTensor().sizes() != tensor.sizes()) return false;
  }
  // Only where an argument holds sizes already; other calls are recorded as they are.
  bool has_contents = false;
  for (const Slot& input : inputs) {
    for (const at::Tensor& argument : tensors_in(input.sample())) {
      CellPtr cell = argument.defined() ? cells_.find(argument) : nullptr;
      has_contents = has_contents || (cell && (Cells::contents(*cell) || Cells::range(*cell)));
    }
  }
  if (!has_contents) return false;

  const std::string& name = schema.name();
  std::optional<Items> items;
  auto count = static_cast<std::size_t>(tensor.numel());
  auto input_items = [&](std::size_t index) { return index < inputs.size() ? contents_of(inputs[index]) : std::nullopt; };
  if (name == "aten::cat" || name == "aten::stack" || name == "aten::concat") {
    items.emplace();
    for (const at::Tensor& part : tensors_in(inputs[0].sample())) {
      auto some = contents_of({{part}, {}});
      if (!some) return false;
      items->insert(items->end(), some->begin(), some->end());
    }
  } else if (auto ends = end_of_range(schema, inputs)) {
    items = std::move(ends);
  } else if (only_moves(name)) {
    auto source = input_items(0);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (notes_.any(inputs[i])) return false;
    }
    if (!source) return false;
    torch::jit::Stack stack;
    for (const Slot& input : inputs) stack.push_back(input.sample());
    auto found = torch::jit::findOperatorFor(schema.operator_name());
    if (!found) return false;
    items = moved(found->getOperation(), std::move(stack), *source);
  } else if (name == "aten::prod" || name == "aten::sum") {
    auto source = input_items(0);
    if (source && count == 1) items = folded(name == "aten::prod" ? NumberOp::kMul : NumberOp::kAdd, *source);
  } else if (auto op = number_op(name)) {
    auto a = input_items(0);
    bool unary = *op == NumberOp::kNeg || *op == NumberOp::kFloor || *op == NumberOp::kCeil || *op == NumberOp::kTrunc ||
                 *op == NumberOp::kSame;
    auto b = unary ? a : input_items(1);
    auto rounding = schema.argumentIndexWithName("rounding_mode");
    auto alpha = schema.argumentIndexWithName("alpha");
    if (alpha && b) {
      auto scale = input_items(static_cast<std::size_t>(*alpha));
      b = scale ? elementwise(NumberOp::kMul, *b, *scale, b->size()) : std::nullopt;
    }
    if (a && b) items = elementwise(*op, *a, *b, count);
    if (rounding && items && inputs.at(static_cast<std::size_t>(*rounding)).sample().isString()) {
      items = elementwise(NumberOp::kFloor, *items, *items, count);
    }
  }
  if (!items || items->size() != count) return false;
  if (c10::isIntegralType(tensor.scalar_type(), false)) items = elementwise(NumberOp::kTrunc, *items, *items, count);

  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> seen;
    for (const c10::IValue& world : results[0].worlds) {
      seen.push_back(world.toTensor().to(at::kDouble).contiguous().data_ptr<double>()[i]);
    }
    if (!holds((*items)[i], seen, worlds())) return false;
  }
  if (cells_.find(tensor)) return true;          // the argument itself
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

}  // namespace torch2nnef
