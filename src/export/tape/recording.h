// What came of executing a model: plain data for the steps after it.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/fingerprint.h"
#include "export/tape/tape.h"
#include "nnef/io.h"

namespace torch2nnef {

// A call that was executed and not recorded, since it depends on constants only.
struct FoldedCall {
  std::string op;
  Location where;
  std::string result;      // "float32[3,4]"
  std::size_t before = 0;  // the index in Tape::calls of the call that was recorded next
};

// What came of executing a model: the Tape, and inputs and results with their values at all recorded sizes (in the
// order of Tape::inputs and Tape::outputs). checked[i] belongs to the sizes checked_sizes[i]; the sample comes first.
struct Recording {
  struct Run {
    nnef::Bindings sizes;
    std::vector<nnef::NamedTensor> inputs, outputs;
  };
  Tape tape;
  std::vector<Run> runs;
  // By TapeValue::id, then by world (Tape::worlds): one of a value, two of a complex one's parts, none where none was
  // taken. Empty with --check=none.
  std::vector<std::vector<std::vector<Fingerprint>>> fingerprints;
  std::string inputs_from;  // a sentence
  std::vector<DrawnInput> drawn;
  std::vector<StateReport> states;
  // With ExportOptions::model_tree: what is not on the Tape, and the module tree (path and class), parents first.
  std::vector<FoldedCall> folded;
  std::vector<std::pair<std::string, std::string>> modules;
};

}  // namespace torch2nnef
