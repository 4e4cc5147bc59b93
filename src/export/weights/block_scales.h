// The scales of blocks (Q4_0), chosen by what they do to the output of a layer on the sample inputs.
#pragma once

#include <vector>

#include "export/tape/recording.h"
#include "quant/reduce_weights.h"

namespace torch2nnef {

// Packs the matrix of each linear layer again, row by row in the way whose error of the layer's output is smallest on
// the sample: with the scale of the largest item, with that of the smallest error of the weights, or with that of the
// smallest error weighted by the squares of the inputs. Executes the float model once more, as far as it can be; a
// layer that is not reached keeps its scales. The Tape still has the float weights.
void choose_block_scales(const Recording& recording, std::vector<ReducedWeight>& weights);

}  // namespace torch2nnef
