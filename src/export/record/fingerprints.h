// Takes fingerprints of tensors.
#pragma once

#include <vector>

#include "export/tape/fingerprint.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// Empty for what has none: an undefined or quantised tensor. A complex one gives two, of its real and imaginary parts.
// One pass over the memory of a dense tensor, whatever the order of its axes.
std::vector<Fingerprint> fingerprints_of(const at::Tensor& tensor);

}  // namespace torch2nnef
