// The call that a plugin's function sees.
#pragma once

#include "export/lower/lowering.h"
#include "export/modules/extractor.h"

namespace torch2nnef {

// Runs a plugin's function on a call.
void lower_by_plugin(Call& call, extractor::Function function);

}  // namespace torch2nnef
