// Quantised tensors, whose codes are in the graph (quant/affine.h).
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// Whether a call only moves the items of one quantised tensor, with scale and zero point as they were: then it is
// lowered on the codes.
bool only_moves_codes(const TapeCall& call, ValueMap& values);

}  // namespace torch2nnef
