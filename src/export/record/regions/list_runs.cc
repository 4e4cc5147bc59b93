#include "export/record/regions/list_runs.h"

#include <algorithm>
#include <cstdlib>

#include "export/record/numbers/size_math.h"
#include "export/record/operator_recorder.h"

namespace torch2nnef {
namespace {

using nnef::Dim;

Slot call_one(OperatorRecorder& recorder, const char* op, const char* overload, Slots inputs) {
  return recorder.call(find_callee(op, overload), std::move(inputs)).at(0);
}

void must_hold(RecordContext& context, const Dim& number, std::int64_t least) {
  if (number.is_constant() || number == Dim::symbol(*number.symbols().begin())) return;  // sizes are at least 1
  context.constrain(comparison_note({number, 1}, ">=", {Dim(least), 1}), true, "the part of this list");
}

// A bound of list[start:end] as a place from 0 to the length.
Dim bound(RecordContext& context, const Slot& slot, const Dim& length, const Dim& standard) {
  if (slot.sample().isNone()) return standard;
  if (slot.note && (slot.note.kind != Note::Kind::kSizes || slot.note.ratio.denominator != 1)) {
    throw Unsupported("a part of a list that is as long as a dynamic size begins or ends where no expression says",
                      "take it from the tensor of all items (torch.stack)");
  }
  const Dim place = slot.note ? slot.note.ratio.numerator : Dim(slot.sample().toInt());
  if (!place.is_constant()) {
    if (place == length) return length;
    if (!nnef::is_never_negative(place)) must_hold(context, place, 0);
    return nnef::is_never_negative(length - place) ? place : nnef::min(place, length);
  }
  const std::int64_t number = place.value();
  if (number == 0 || number == 1) return place;  // sizes are at least 1
  if (number == -1) return length - 1;
  constexpr std::int64_t kUnbounded = std::int64_t{1} << 62;
  if (number >= kUnbounded) return length;
  return number > 0 ? nnef::min(place, length) : nnef::max(length + place, Dim(0));
}

// The run's items side by side along its axis.
Slot part(OperatorRecorder& recorder, const ListRun& run) {
  RecordContext& context = recorder.context();
  const Dim last = run.first + Dim(run.step) * (run.length - 1);
  const Dim low = run.step > 0 ? run.first : last, high = run.step > 0 ? last : run.first;
  const CellPtr cell = context.cells.of(run.tensor.sample().toTensor());
  const Dim& size = cell->shape.at(static_cast<std::size_t>(run.axis));
  Slot some = run.tensor;
  if (low != Dim(0) || high + 1 != size) {
    some = call_one(recorder, "aten::slice", "Tensor",
                    {some, same_slot(context, run.axis), size_slot(context, low), size_slot(context, high + 1),
                     same_slot(context, std::int64_t{1})});
  }
  if (run.step > 0) return some;
  return call_one(recorder, "aten::flip", "", {some, same_slot(context, c10::List<std::int64_t>({run.axis}))});
}

Slot joined_run(OperatorRecorder& recorder, const ListRun& run, std::int64_t dim, bool stacks) {
  RecordContext& context = recorder.context();
  if (run.is_item) {
    if (!stacks) return run.tensor;
    return call_one(recorder, "aten::unsqueeze", "", {run.tensor, same_slot(context, dim)});
  }
  Slot items = part(recorder, run);
  if (run.keeps_axis && !stacks && run.axis == dim) return items;
  if (run.keeps_axis) items = call_one(recorder, "aten::unsqueeze", "", {items, same_slot(context, run.axis + 1)});
  if (run.axis != dim) {
    items = call_one(recorder, "aten::movedim", "int", {items, same_slot(context, run.axis), same_slot(context, dim)});
  }
  if (stacks) return items;
  return call_one(recorder, "aten::flatten", "using_ints",
                  {items, same_slot(context, dim), same_slot(context, dim + 1)});
}

}  // namespace

Slot size_slot(RecordContext& context, const Dim& number) {
  Slot slot;
  for (const nnef::Bindings& sizes : context.worlds()) slot.worlds.emplace_back(number.evaluate(sizes));
  if (!number.is_constant()) slot.note = Note::sizes({number, 1});
  return slot;
}

Slot same_slot(RecordContext& context, const c10::IValue& value) {
  return {std::vector<c10::IValue>(context.world_count(), value), {}};
}

Dim length_of(const ListRuns& runs) {
  Dim length = 0;
  for (const ListRun& run : runs) length += run.length;
  return length;
}

ListRun reversed(ListRun run) {
  if (run.is_item) return run;
  run.first += Dim(run.step) * (run.length - 1);
  run.step = -run.step;
  return run;
}

ListRuns reversed(const ListRuns& runs) {
  ListRuns result;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) result.push_back(reversed(*run));
  return result;
}

ListRun sliced(RecordContext& context, ListRun run, const Slots& inputs) {
  const std::int64_t step = inputs.at(3).sample().toInt();
  if (!inputs[3].note && std::abs(step) > 1) {
    throw Unsupported("every so many items of a list that is as long as a dynamic size are taken",
                      "join the items by torch.stack, and take them from that tensor");
  }
  const bool is_whole = inputs.at(1).sample().isNone() && inputs.at(2).sample().isNone();
  if (inputs[3].note || (step < 0 && !is_whole)) {
    throw Unsupported("a part of a list that is as long as a dynamic size is taken backwards",
                      "take the part first, then reverse it ([::-1])");
  }
  if (step < 0) run = reversed(std::move(run));
  const Dim start = step < 0 ? Dim(0) : bound(context, inputs[1], run.length, 0);
  const Dim end = step < 0 ? run.length : bound(context, inputs[2], run.length, run.length);
  run.first += Dim(run.step) * start;
  run.length = end - start;
  must_hold(context, end - start, 1);
  return run;
}

Slot item_of(OperatorRecorder& recorder, const ListRun& run, const Dim& place) {
  if (run.is_item) return run.tensor;
  RecordContext& context = recorder.context();
  const Slot axis = same_slot(context, run.axis);
  const Dim at = run.first + Dim(run.step) * place;
  if (!run.keeps_axis) return call_one(recorder, "aten::select", "int", {run.tensor, axis, size_slot(context, at)});
  return call_one(
      recorder, "aten::slice", "Tensor",
      {run.tensor, axis, size_slot(context, at), size_slot(context, at + 1), same_slot(context, std::int64_t{1})});
}

Slot joined(OperatorRecorder& recorder, const ListRuns& runs, std::int64_t dim, bool stacks) {
  Slots parts;
  for (const ListRun& run : runs) parts.push_back(joined_run(recorder, run, dim, stacks));
  if (parts.size() == 1) return parts.front();
  RecordContext& context = recorder.context();
  Slot list;
  for (std::size_t world = 0; world < context.world_count(); ++world) {
    c10::List<at::Tensor> tensors;
    for (const Slot& one : parts) tensors.push_back(one.worlds[world].toTensor());
    list.worlds.emplace_back(tensors);
  }
  return call_one(recorder, "aten::cat", "", {list, same_slot(context, dim)});
}

}  // namespace torch2nnef
