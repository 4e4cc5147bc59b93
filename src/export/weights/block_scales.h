// The codes of blocks (Q4_0), chosen by what they do to the output of a layer on the sample inputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "export/outcome.h"
#include "export/tape/recording.h"
#include "quant/reduce_weights.h"

namespace torch2nnef {

using LayerErrors = std::map<std::string, WeightReport::Output>;  // by label

// Packs the matrix of each linear layer again, row by row in the way whose error of the layer's output is smallest on
// the sample: with the scale of the largest item, with that of the smallest error of the weights, with that of the
// smallest error weighted by the squares of the inputs or, with `calibrates`, so that later codes of a row make up for
// the errors of earlier ones. Executes the float model once more, as far as it can be; a layer that is not reached
// keeps its codes. The Tape still has the float weights.
LayerErrors choose_block_codes(const Recording& recording, bool calibrates, std::vector<ReducedWeight>& weights);

}  // namespace torch2nnef
