// What a state is before the first call, in words.
#pragma once

#include <string>

#include "export/torch_compat.h"

namespace torch2nnef {

// "zeros", "all 0.5", or the items, row-major. Throws ExportError for too many different ones; `attribute` is for the
// message.
std::string initial_value_text(const std::string& attribute, const at::Tensor& initial);

}  // namespace torch2nnef
