// Operands that torch converts to bfloat16 before it computes.
#pragma once

#include <string>

#include "export/record/call_arguments.h"

namespace torch2nnef {

// Makes the conversion of `inputs` visible in the call's `arguments`: as calls on the Tape, and as rounded numbers.
void round_operands(RecordContext& context, const std::string& op, const Slots& inputs, NamedArguments& arguments);

}  // namespace torch2nnef
