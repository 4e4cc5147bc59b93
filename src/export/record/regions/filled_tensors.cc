#include "export/record/regions/filled_tensors.h"

namespace torch2nnef {
namespace {

// Moves the first axis of a value to another place; the facts of the result.
TapeValueInfo move_first_axis(RecordContext& context, TapeValue& value, std::int64_t to) {
  const TapeValueInfo stacked = context.tape.info(value);
  TapeList order;
  TapeValueInfo moved = stacked;
  for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(stacked.shape.size()); ++axis) {
    std::int64_t from = axis < to ? axis + 1 : axis == to ? 0 : axis;
    order.push_back({nnef::Dim(from)});
    moved.shape[static_cast<std::size_t>(axis)] = stacked.shape[static_cast<std::size_t>(from)];
  }
  if (to == 0) return moved;
  value = context.tape.call1("aten::permute", "", {{"self", {value}}, {"dims", {order}}}, moved, context.here());
  return moved;
}

}  // namespace

TapeValue filled_tensor(RecordContext& context, TapeValue stacked, const RoundWrite& write,
                        const ScanCall::Target& target, const nnef::Dim& trips) {
  const auto call = [&](const char* op, std::vector<std::pair<std::string, TapeArgument>> arguments,
                        TapeValueInfo info) {
    return context.tape.call1(op, "", std::move(arguments), std::move(info), context.here());
  };
  TapeValueInfo info = context.tape.info(stacked);
  const auto axis = static_cast<std::ptrdiff_t>(write.axis);
  if (write.keeps_axis) {
    info.shape.erase(info.shape.begin() + 1 + axis);
    stacked = call("aten::reshape", {{"self", {stacked}}, {"shape", dims_argument(info.shape)}}, info);
  }
  info = move_first_axis(context, stacked, write.axis);
  const TapeArgument along{nnef::Dim(write.axis)};
  if (target.step < 0) stacked = call("aten::flip", {{"self", {stacked}}, {"dims", {TapeList{along}}}}, info);
  const nnef::Dim begin = target.step < 0 ? target.first - trips + 1 : target.first;
  TapeValueInfo base;  // of what is written to
  base.type = context.tape.info(write.base).type;
  base.shape = context.tape.info(write.base).shape;
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
      if (name == "self") base.shape = context.tape.info(*argument.value()).shape;
    }
    stacked = call(outer->op.c_str(), std::move(arguments), base);
  }
  return stacked;
}

}  // namespace torch2nnef
