// Takes out of a graph what its outputs do not need, and what undoes itself.
#pragma once

#include "nnef/graph.h"

namespace torch2nnef {

// Followed by nnef::set_registries(), since operators may be gone. In this order:
//   * variables of the same dtype, shape and bytes become one (the first);
//   * chains fold: transpose of transpose, reshape of reshape, unsqueeze of unsqueeze, squeeze and unsqueeze, squeeze
//     of unsqueeze, casts to the type that a value has, and to a wider type and back;
//   * operations that are alike become one (the first), but for those of several results;
//   * reshapes name only the axes that they change (nnef/builder/narrow_reshape.h);
//   * operations, variables, fragments and quantisation entries that no output needs go.
// Results are the same bit for bit. Inputs, outputs, their names and dtypes stay, as does every Value's id. Values with
// an entry in Graph::quant are not folded away. Linear in the operations; reads the bytes of variables only where more
// than one has the same dtype, shape and beginning.
void simplify(nnef::Graph& graph);

}  // namespace torch2nnef
