// Runs of the model beside those that it was recorded at, which the check compares as well.
#pragma once

#include "export/load/model.h"
#include "export/lower/lowering.h"
#include "export/request.h"
#include "export/sizes/constraints.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Runs at the ends of what the archive states are checked, too; those that it excludes are not, but for the sample.
void run_at_boundaries(const Model& model, const Tables& tables, const ExportOptions& options, const nnef::Graph& graph,
                       const LearntBounds& bounds, Recording& recording);

// The whole sequences that streams are compared with.
void run_at_stream_lengths(const Model& model, const Tables& tables, const ExportOptions& options,
                           Recording& recording);

// A sample cannot show what a trace holds fixed: further inputs, with the outputs that the user's model gave, do.
void add_given_runs(const Model& model, const Tables& tables, const ExportOptions& options, const LearntBounds& bounds,
                    Recording& recording);

}  // namespace torch2nnef
