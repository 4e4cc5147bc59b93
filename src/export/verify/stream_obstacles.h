// What in a graph needs more of a sequence than a stream has: found before tract is asked, since tract cuts some of it
// into pulses without a word and computes something else (a softmax over each pulse, a backward layer within each).
#pragma once

#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/tape/lineage.h"
#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct StreamObstacles {
  std::vector<Diagnostic> certain;
  // Values of every frame with every other: tract streams them where a mask leaves each frame a window.
  std::vector<Diagnostic> possible;
};

// The operations that cannot be streamed along the symbol, each call of the model once.
StreamObstacles stream_obstacles(const nnef::Graph& graph, const Lineage& lineage, const Tape& tape,
                                 const std::string& symbol);

}  // namespace torch2nnef
