// Calls that give another result each time, and modules that are still in training mode.
#pragma once

#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

// Reports a call that draws random numbers; warns of normalisation by the statistics of the batch.
void refuse_random(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs);

}  // namespace torch2nnef
