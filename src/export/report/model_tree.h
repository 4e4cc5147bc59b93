// What became of a model: its modules, the calls in them and its weights, as the user wrote them. For the page.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/tape/lineage.h"
#include "export/tape/recording.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct ModelCall {
  enum class State {
    kExported,     // it is in the archive
    kFolded,       // it depends on constants only: its result is a constant, or in nothing at all
    kUnused,       // no output needs it
    kUnsupported,  // it is why there is no archive
    kNotTried,     // the export ended before, or an argument of it could not be exported
  };
  std::string op;  // "aten::add.Tensor"
  Location where;
  State state = State::kNotTried;
  std::vector<std::string> arguments;   // "self f32[B,3]", "dim 1", ... without those that have their defaults
  std::vector<std::string> results;     // "f32[B,3]"
  std::vector<std::string> operations;  // "conv1 = conv(...)": what it became in graph.nnef
  std::string reason;                   // of kUnsupported: the message, and a hint
  std::int64_t tape_index = -1;         // in Tape::calls; -1 for what is not on it
};

struct ModelWeight {
  std::string label, facts;  // "layer1.conv.weight", "float32[64,3,7,7]"
  std::uint64_t bytes = 0;
};

struct ModelTree {
  std::vector<std::pair<std::string, std::string>> modules;  // path and class, "" is the root
  std::vector<ModelCall> calls;                              // in the order of execution
  std::vector<ModelWeight> weights;                          // constants that calls read, in the order of their use
  std::vector<std::string> inputs;                           // "x float32[B,3]": those of the Tape
};
std::string_view to_string(ModelCall::State state);

// What is known after lowering, be it that some calls were refused; null when the export ended while recording.
struct Lowered {
  const nnef::Graph* graph = nullptr;
  const Lineage* lineage = nullptr;
};

ModelTree make_model_tree(const Recording& recording, const Lowered& lowered,
                          const std::vector<Diagnostic>& diagnostics);

}  // namespace torch2nnef
