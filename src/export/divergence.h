// Where an engine's values and PyTorch's part: the first call that differs, and how the error grew on the way.
//
// CheckReport holds both: `calls` when ExportOptions::call_errors asks for them, `divergence` once an output differs
// (it is filled before the check's ExportError is thrown).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/dim/dim.h"

namespace torch2nnef {

// A value of the graph against what PyTorch computed for the same result of a call. Values that no call stands for (the
// middle of a lowering) have no such entry.
struct CallError {
  std::size_t call = 0;    // index in Tape::calls
  std::size_t result = 0;  // of the call's results
  std::string aten;        // "aten::conv2d"
  std::string name;        // of the value in the graph
  std::string operation;   // the operator in the graph that makes it: "conv"
  Location where;
  std::string dtype;                // tract's name
  std::vector<std::int64_t> shape;  // at the sizes of the run
  double magnitude = 0;             // root mean square of PyTorch's finite values
  // Added by this call alone: its operations computed on PyTorch's own values.
  double own_abs = 0, own_rel = 0;
  bool own_agrees = true;  // within the tolerance
  // Since the inputs of the model.
  double max_abs = 0, max_rel = 0;
  bool agrees = true;
};

struct Divergence {
  std::string engine;    // "reference", "tract 0.23.9"
  nnef::Bindings sizes;  // of the symbols
  // The first call whose own result differs although its inputs are PyTorch's; when there is none, the first whose
  // result does.
  std::string name, operation;          // of the value in the graph, and of what makes it
  std::vector<std::string> operations;  // names of all values that the call became, in order
  std::string aten;
  Location where;
  struct Operand {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::string values;  // the first few, "0.25, -1, 3, ..."
  };
  std::vector<Operand> inputs;    // of the call's operations, as the engine had them
  std::vector<std::int64_t> at;   // the first place where the two differ
  std::string expected, actual;   // PyTorch's value there, and the engine's
  std::string detail;             // how much differs, one sentence
  std::vector<CallError> growth;  // every compared call until this one, in order
  // "conv1 = conv(x, weight) of aten::conv2d, model.py:12 in forward: ...", for a diagnostic.
  std::string to_string() const;
};

}  // namespace torch2nnef
