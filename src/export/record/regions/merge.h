// Two values put together by a condition on data: where(condition, yes, no), for tensors, numbers and what holds them.
#pragma once

#include <cstddef>
#include <set>

#include "export/record/context.h"
#include "export/record/numbers/number_values.h"

namespace torch2nnef {

class Merge {
 public:
  // `first_value`: of the Tape, when the branch or loop began.
  Merge(RecordContext& context, NumberValues& numbers, std::size_t first_value)
      : context_(context), numbers_(numbers), first_value_(first_value) {}

  // The condition's note has a scalar. Throws Unsupported when the two cannot be one value.
  Slot choose(const Slot& condition, const Slot& yes, const Slot& no);

 private:
  Slot tensors(const Slot& condition, const Slot& yes, const Slot& no);
  Slot numbers(const Slot& condition, const Slot& yes, const Slot& no);
  Slot items(const Slot& condition, const Slot& yes, const Slot& no);

  RecordContext& context_;
  NumberValues& numbers_;
  std::size_t first_value_;
  std::set<const void*> memory_;  // storages that were handed on so far
};

}  // namespace torch2nnef
