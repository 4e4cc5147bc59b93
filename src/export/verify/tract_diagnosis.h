// Why tract fails on an archive: the first operation where it differs, or does not get through, and the smallest part
// of the graph that still shows it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "export/request.h"
#include "export/verify/tract_engine.h"
#include "nnef/graph.h"
#include "nnef/io.h"

namespace torch2nnef {

// What was seen to fail.
struct TractFailure {
  const nnef::Graph& graph;  // as it was written
  const nnef::Dialect& dialect;
  std::vector<nnef::NamedTensor> inputs;  // of the run that failed
  nnef::Bindings sizes;                   // of the symbols in that run
  Tolerance tolerance = Tolerance::kApproximate;
  EngineRun run;  // what the engine did: with run.ran the outputs differ
};

// Calls back with every value of the graph that is known on the inputs, by name, in order. May do so several times.
using VisitKnown = std::function<void(const std::string& name, const nnef::TensorDataPtr& value)>;
using KnownValues = std::function<void(const VisitKnown&)>;

struct TractDiagnosis {
  std::string name, operation;  // "conv1", "conv": the first operation to differ or fail; "" when none was found
  std::string text;             // what was found, sentences
  // The part of the graph that still fails, as an archive of its own (nothing when it was not made smaller), with the
  // inputs and what they should give. Shares tensors with the graph.
  std::optional<nnef::Graph> smallest;
  std::vector<nnef::NamedTensor> inputs, expected;
  int runs = 0;              // of the engine
  bool out_of_time = false;  // ended by the limit: what was found holds, but there may be something smaller
};

// Runs parts of the graph in tract, at most `seconds` in all. Never throws for what the engine does; IoError when
// nothing can be written.
//   * An output differs: the values in the middle of the graph are made outputs too, in slices of bounded size, and
//     compared with the known ones in order. The first that differs names the operation.
//   * tract refuses the archive, panics or gives no answer: the shortest beginning of the graph that does so as well is
//     found by bisection, its last operation is the one.
// Then operations are taken away, their results becoming inputs, as long as the failure stays the same.
TractDiagnosis diagnose(const Engine& engine, const TractFailure& failure, const KnownValues& known, double seconds);

}  // namespace torch2nnef
