// Values that walks of them would not come to the end of.
#pragma once

#include "export/torch_compat.h"

namespace torch2nnef {

// Whether a list, tuple or dict holds itself, or others more than 200 levels deep.
bool is_endless(const c10::IValue& value);

}  // namespace torch2nnef
