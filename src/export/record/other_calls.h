// Calls that are recorded as others, which write nothing: those with out=, and fake quantisation whose observers are
// off.
#pragma once

#include <optional>

#include "export/record/operator_recorder.h"

namespace torch2nnef {

// The results, or nullopt when the call is recorded as it is.
std::optional<Slots> call_as_other(OperatorRecorder& recorder, const c10::FunctionSchema& schema, const Slots& inputs);

}  // namespace torch2nnef
