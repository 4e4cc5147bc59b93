#include "export/record/regions/filled_lists.h"

#include "export/operators/operators.h"

namespace torch2nnef {

void FilledLists::add(const c10::IValue& list, TapeValue stacked) {
  const nnef::Shape shape = context_.tape.info(stacked).shape;
  for (const at::Tensor& item : list.toTensorVector()) {
    context_.cells.add_root(item, {shape.begin() + 1, shape.end()}, true, {});
  }
  filled_[list.internalToPointer()] = {list, stacked, list.toListRef().size()};
}

// Moves the first axis of a value to another place; the facts of the result.
TapeValueInfo FilledLists::move_first_axis(TapeValue& value, std::int64_t to) {
  const TapeValueInfo stacked = context_.tape.info(value);
  TapeList order;
  TapeValueInfo moved = stacked;
  for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(stacked.shape.size()); ++axis) {
    std::int64_t from = axis < to ? axis + 1 : axis == to ? 0 : axis;
    order.push_back({nnef::Dim(from)});
    moved.shape[static_cast<std::size_t>(axis)] = stacked.shape[static_cast<std::size_t>(from)];
  }
  if (to == 0) return moved;
  value = context_.tape.call1("aten::permute", "", {{"self", {value}}, {"dims", {order}}}, moved, context_.here());
  return moved;
}

TapeValue FilledLists::filled(TapeValue stacked, const RoundWrite& write, const ScanCall::Target& target,
                              const nnef::Dim& trips) {
  const auto call = [&](const char* op, std::vector<std::pair<std::string, TapeArgument>> arguments,
                        TapeValueInfo info) {
    return context_.tape.call1(op, "", std::move(arguments), std::move(info), context_.here());
  };
  TapeValueInfo info = context_.tape.info(stacked);
  const auto axis = static_cast<std::ptrdiff_t>(write.axis);
  if (write.keeps_axis) {
    info.shape.erase(info.shape.begin() + 1 + axis);
    stacked = call("aten::reshape", {{"self", {stacked}}, {"shape", dims_argument(info.shape)}}, info);
  }
  info = move_first_axis(stacked, write.axis);
  const TapeArgument along{nnef::Dim(write.axis)};
  if (target.step < 0) stacked = call("aten::flip", {{"self", {stacked}}, {"dims", {TapeList{along}}}}, info);
  const nnef::Dim begin = target.step < 0 ? target.first - trips + 1 : target.first;
  TapeValueInfo base;  // of what is written to
  base.type = context_.tape.info(write.base).type;
  base.shape = context_.tape.info(write.base).shape;
  if (begin != nnef::Dim(0) || trips != base.shape.at(static_cast<std::size_t>(axis))) {
    stacked = call("aten::slice_scatter",
                   {{"self", {write.base}},
                    {"src", {stacked}},
                    {"dim", along},
                    {"start", {begin}},
                    {"end", {begin + trips}},
                    {"step", {nnef::Dim(1)}}},
                   base);
  }
  for (auto outer = write.outer.rbegin(); outer != write.outer.rend(); ++outer) {
    std::vector<std::pair<std::string, TapeArgument>> arguments = outer->arguments;
    for (auto& [name, argument] : arguments) {
      if (name == "src") argument = {stacked};
      if (name == "self") base.shape = context_.tape.info(*argument.value()).shape;
    }
    stacked = call(outer->op.c_str(), std::move(arguments), base);
  }
  return stacked;
}

std::optional<Slots> FilledLists::call(const Callee& callee, const Slots& inputs) {
  const ShapeRule rule = row_of(callee.schema.name()).shape;
  const bool is_stack = rule == ShapeRule::kStack;
  if ((!is_stack && rule != ShapeRule::kConcatenate) || !inputs[0].sample().isTensorList()) return std::nullopt;
  auto found = filled_.find(inputs[0].sample().internalToPointer());
  if (found == filled_.end()) return std::nullopt;
  if (inputs[0].sample().toListRef().size() != found->second.size) {
    throw Unsupported("a list that a loop over a dynamic axis filled is changed after it");
  }
  Slots results = execute(context_, callee, inputs);
  TapeValue value = found->second.stacked;
  const auto rank = static_cast<std::int64_t>(context_.tape.info(value).shape.size());
  std::int64_t dim = inputs[1].sample().toInt();
  if (dim < 0) dim += is_stack ? rank : rank - 1;
  TapeValueInfo moved = move_first_axis(value, dim);
  if (!is_stack) {
    auto place = static_cast<std::size_t>(dim);
    moved.shape[place] *= moved.shape.at(place + 1);
    moved.shape.erase(moved.shape.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    value = context_.tape.call1("aten::reshape", "", {{"self", {value}}, {"shape", dims_argument(moved.shape)}}, moved,
                                context_.here());
  }
  context_.cells.add_root(results.at(0).sample().toTensor(), moved.shape, true, value);
  return results;
}

}  // namespace torch2nnef
