// What code of TorchScript does beside computing its results, read off the code.
#pragma once

#include <string>

#include "export/torch_compat.h"

namespace torch2nnef {

// Why a block, or what it calls, cannot be left out or repeated: it writes an attribute, or changes a list or dict that
// was not made in it. "" when it does nothing of the kind. Writes into tensors are not looked at.
std::string effect_on_objects(const torch::jit::Block* block);

// Whether a block, or what it calls, writes into a tensor that it may have got from outside.
bool may_write_tensors(const torch::jit::Block* block);

}  // namespace torch2nnef
