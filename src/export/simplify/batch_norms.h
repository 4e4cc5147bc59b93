// Batch normalisation as part of the convolution before it.
#pragma once

#include "nnef/graph.h"

namespace torch2nnef {

// `conv(x, w, b) * scale + shift`, with a scale and a shift for each channel that are constants, becomes one
// convolution with scaled weights: the label of these ends in "_scaled", and they are computed while they are written.
// Only where nothing else reads the weights or the values between, all in f32. Values' ids and names stay. Linear in
// the operations.
void fold_batch_norms(nnef::Graph& graph);

}  // namespace torch2nnef
