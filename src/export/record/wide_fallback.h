// Runs one operator of libtorch, by way of float32 where this CPU build lacks a kernel for 16 bits.
#pragma once

#include "export/torch_compat.h"

namespace torch2nnef {

// Throws what the operator throws.
void call_with_wide_fallback(torch::jit::Operation operation, torch::jit::Stack& stack);

}  // namespace torch2nnef
