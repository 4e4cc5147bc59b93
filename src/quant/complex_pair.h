// A complex value in a graph, which has real items only: two tensors of its shape, or packed: one tensor of shape
// [.., 2], as torch.view_as_real gives it.
#pragma once

#include "nnef/builder/builder.h"

namespace torch2nnef TORCH2NNEF_API {

struct ComplexParts {
  nnef::Value re, im;
};
ComplexParts parts_of_packed(nnef::Builder& b, nnef::Value packed);
nnef::Value packed_of_parts(nnef::Builder& b, ComplexParts parts);

}  // namespace torch2nnef
