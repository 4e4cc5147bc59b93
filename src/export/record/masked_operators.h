// What the calls on items that a mask selected are: computed item by item, or over all of them.
#pragma once

#include <optional>

#include "export/operators/operators.h"
#include "export/tape/tape.h"

namespace torch2nnef {

// Whether each item of the result depends on the items at the same place only, and on any items there without failing.
bool is_itemwise(const Tape& tape, const TapeCall& call);

// The operator over given axes of a reduction over all items; a mean is a sum first.
struct Reduction {
  const char *op, *overload;
  bool takes_dtype;
};
Reduction reduction_over_axes(NumberOp over_all);

// The item of that type that changes no result; nullopt when the operator is not a reduction.
std::optional<TapeArgument> neutral_item(NumberOp over_all, ScalarType type);

}  // namespace torch2nnef
