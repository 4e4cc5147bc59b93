// Models that were traced while they were training: what they compute depends on the batch, and changes the model.
#pragma once

#include "export/torch_compat.h"

namespace torch2nnef {

// Ends the export, naming the layer, when a traced method updates the statistics of a normalisation.
void refuse_training_mode(const torch::jit::Module& module);

}  // namespace torch2nnef
