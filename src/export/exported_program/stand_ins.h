// Operators that files call and the linked libtorch lacks, or has otherwise: written with operators that it has.
#pragma once

#include <optional>

#include "export/exported_program/operator_calls.h"
#include "export/exported_program/targets.h"

namespace torch2nnef {

bool has_stand_in(const OperatorName& op);
// nullopt where there is none.
std::optional<Slots> run_stand_in(OperatorCalls& calls, const OperatorName& op, const NamedSlots& arguments);

}  // namespace torch2nnef
