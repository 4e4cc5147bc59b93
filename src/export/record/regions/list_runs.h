// The items of a list as parts of tensors: what a list is on the Tape when it is as long as a dynamic size says.
#pragma once

#include <cstdint>
#include <vector>

#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

class OperatorRecorder;

// Items first, first + step, ... of a tensor along an axis; or a tensor by itself.
struct ListRun {
  Slot tensor;
  bool is_item = false;  // the tensor is the one item
  std::int64_t axis = 0;
  bool keeps_axis = false;  // an item has the axis, of size 1
  nnef::Dim first = 0, length = 1;
  std::int64_t step = 1;  // or -1
};
using ListRuns = std::vector<ListRun>;

// A number of sizes, or the same value, in all worlds.
Slot size_slot(RecordContext& context, const nnef::Dim& number);
Slot same_slot(RecordContext& context, const c10::IValue& value);

nnef::Dim length_of(const ListRuns& runs);
ListRun reversed(ListRun run);
ListRuns reversed(const ListRuns& runs);
// list[start:end:step]; the inputs are those of the operator. Throws Unsupported where an expression cannot say it.
ListRun sliced(RecordContext& context, ListRun run, const Slots& inputs);
// The item at a place, which is not negative: a view of the tensor.
Slot item_of(OperatorRecorder& recorder, const ListRun& run, const nnef::Dim& place);
// All items by torch.stack or torch.cat; `dim` is not negative.
Slot joined(OperatorRecorder& recorder, const ListRuns& runs, std::int64_t dim, bool stacks);

}  // namespace torch2nnef
