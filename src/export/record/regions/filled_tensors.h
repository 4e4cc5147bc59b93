// Tensors that the rounds of a loop over a dynamic axis wrote to, one item a round.
#pragma once

#include "export/record/context.h"
#include "export/record/region.h"

namespace torch2nnef {

// A tensor after all rounds wrote to it; `stacked` is what they wrote, along a new first axis.
TapeValue filled_tensor(RecordContext& context, TapeValue stacked, const RoundWrite& write,
                        const ScanCall::Target& target, const nnef::Dim& trips);

}  // namespace torch2nnef
