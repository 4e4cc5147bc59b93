// Two values put together by a condition on data: where(condition, yes, no), for tensors, numbers and what holds them.
#pragma once

#include <cstddef>
#include <set>

#include "export/record/context.h"
#include "export/record/numbers/number_values.h"

namespace torch2nnef {

class Merge {
 public:
  // To be made when the branch or loop begins.
  Merge(RecordContext& context, NumberValues& numbers)
      : context_(context), numbers_(numbers), began_at_(context.cells.made()) {}

  // The condition's note has a scalar. Throws Unsupported when the two cannot be one value.
  Slot choose(const Slot& condition, const Slot& yes, const Slot& no);

 private:
  Slot tensors(const Slot& condition, const Slot& yes, const Slot& no);
  Slot numbers(const Slot& condition, const Slot& yes, const Slot& no);
  Slot items(const Slot& condition, const Slot& yes, const Slot& no);

  RecordContext& context_;
  NumberValues& numbers_;
  std::size_t began_at_;
  std::set<const void*> memory_;  // storages that were handed on so far
};

}  // namespace torch2nnef
