// Whether a loaded module is what its classes say.
#pragma once

#include "export/torch_compat.h"

namespace torch2nnef {

// libtorch puts what the pickle holds into an object's attributes without a look at their types, and reads attributes
// by their place in the class. Throws nnef::FormatError for a value of another type than its class declares.
void check_attribute_types(const torch::jit::Module& module);

}  // namespace torch2nnef
