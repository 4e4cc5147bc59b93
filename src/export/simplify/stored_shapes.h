// Tensors of the archive in the shape in which they are used.
#pragma once

#include "nnef/graph.h"

namespace torch2nnef {

// A variable that is read by nothing but equal unsqueezes is stored with the axes that these add, and they go. Values'
// ids and names stay; a variable that graph.quant names stays as it is. Linear in the operations. After whatever looks
// for matrices among the variables.
void store_in_shape(nnef::Graph& graph);

}  // namespace torch2nnef
