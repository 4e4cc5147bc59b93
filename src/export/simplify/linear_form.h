// A product with a weight and the addition of a bias as one operation.
#pragma once

#include "nnef/graph.h"

namespace torch2nnef {

// `matmul(x, w, transposeB = true) + b`, with a weight and a bias of the archive and no other reader of the product,
// becomes `linear(x, w, b)`, which tract computes by the same two operations. Values' ids and names stay. Linear in the
// operations. After store_in_shape(): weight and bias must have the rank of x.
void use_linear(nnef::Graph& graph);

}  // namespace torch2nnef
