// Weights that an archive stores in fewer bytes (--quantize), in the graph, in the recording and in the report.
#pragma once

#include <vector>

#include "export/outcome.h"
#include "export/request.h"
#include "export/tape/lineage.h"
#include "export/tape/recording.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Stores the weights that options.quantize names (src/quant/reduce_weights.h) and gives the Tape the values that the
// stored ones have, so that everything that is computed from it later is what the archive should give. Weights are not
// copied: stored ones are unpacked when they are read. Weights of bfloat16 that f16 holds as exactly as f32 computes
// are stored as f16 without being named, and the Tape keeps them. Fills report.weights; throws ExportError.
void store_weights(nnef::Graph& graph, const ExportOptions& options, Recording& recording, Lineage& lineage,
                   ExportReport& report);

// Replaces the results of a run of the model, computed with its float weights, by those of its stored weights, and
// tells how far they are apart. Does the same for the fingerprints that were taken at its sizes. Throws ExportError
// where a call cannot be executed again.
void rerun_with_stored_weights(Recording& recording, Recording::Run& run, std::vector<FloatDistance>& distances);

}  // namespace torch2nnef
