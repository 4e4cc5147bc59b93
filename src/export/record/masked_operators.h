// What the calls on items that a mask selected are: computed item by item, or over all of them.
#pragma once

#include <optional>
#include <string>

#include "export/tape/tape.h"

namespace torch2nnef {

// Whether each item of the result depends on the items at the same place only, and on any items there without failing.
bool is_itemwise(const Tape& tape, const TapeCall& call);

// The operator that does the same over given axes.
struct Reduction {
  const char *op, *overload;
  bool takes_dtype;
};
Reduction reduction_over_axes(const std::string& op);

// The item of that type that changes no result; nullopt when the operator is not a reduction.
std::optional<TapeArgument> neutral_item(const std::string& op, ScalarType type);

}  // namespace torch2nnef
