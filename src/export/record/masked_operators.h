// What the calls on items that a mask selected are: computed item by item, or over all of them.
#pragma once

#include <optional>

#include "export/operators/operators.h"
#include "export/tape/tape.h"

namespace torch2nnef {

// Whether each item of the result depends on the items at the same place only, and on any items there without failing.
bool is_itemwise(const Tape& tape, const TapeCall& call);

// The item of `self` that changes no result of the reduction; nullopt when the call is none.
std::optional<TapeArgument> neutral_item(const Tape& tape, const TapeCall& call);

}  // namespace torch2nnef
