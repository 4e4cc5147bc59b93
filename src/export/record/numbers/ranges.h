// Ranges: 1-d tensors that arange makes, and the numbers read from their ends.
#pragma once

#include <optional>

#include "export/record/numbers/contents.h"

namespace torch2nnef {

// An item of a range by its constant index, or its smallest or largest; nullopt for any other call.
std::optional<Items> end_of_range(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs);

// Notes a range that arange makes, or that a number is added to.
void carry_range(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results);

}  // namespace torch2nnef
