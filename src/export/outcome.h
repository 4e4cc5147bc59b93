// What came of an export: plain data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/divergence.h"
#include "export/tape/tape.h"

namespace torch2nnef TORCH2NNEF_API {

struct IoReport {
  std::string name;
  std::string dtype;
  nnef::Shape shape;
};

// An axis that a symbol stands on.
struct SymbolPlace {
  std::string input;
  int axis = 0;
  nnef::Dim size;  // the symbol itself, or an expression with it
};

struct CheckReport {
  std::string engine;  // "reference and tract 0.23.9", "reference", "" when not run
  std::string not_run_because;
  struct Output {
    std::string engine;  // "reference", "tract 0.23.9"
    std::string name;
    nnef::Bindings sizes;  // of the symbols, empty for a static export
    double max_abs = 0, max_rel = 0;
    bool agrees = false;
    std::string detail;  // what differs, first place
    // Of a quantised model whose roundings carry: root mean squares of differences from PyTorch's values.
    struct Steps {
      double rms = 0;                // of the engine's
      double moved = 0;              // of PyTorch's own, where 0.1 % of the input's codes are moved by one step
      double accepted = 0;           // quant/tolerance.h
      bool is_exact_engine = false;  // PyTorch's values are those of its engine whose sums do not saturate
    };
    std::optional<Steps> steps;
  };
  std::vector<Output> outputs;   // of each engine that ran, at each size
  std::vector<CallError> calls;  // of the sample, by the reference evaluator
  // The quantised calls, each on PyTorch's own values: by exact arithmetic, where its codes are not PyTorch's.
  struct Codes {
    int calls = 0;
    std::int64_t items = 0;
    std::int64_t others = 0;  // that are not PyTorch's
    double largest = 0;       // distance of these from the exact result, in steps; right up to half a step
    // Calls whose exact result PyTorch's own kernel misses by more than a rounding: its sums saturate.
    std::vector<std::string> inexact_in_torch;
  };
  std::optional<Codes> codes;
  std::optional<Divergence> divergence;  // of the first output that differs
  // Those of the engine whose word counts: tract's where it ran.
  std::vector<const Output*> verdicts() const;
  bool agrees() const;  // every verdict; a check that did not run agrees with nothing
};

// What became of a weight that --quantize names.
struct WeightReport {
  std::string path;
  std::string form;     // "f16", "q4_0", "int8_dynamic"; "" of a weight that stays as it is
  std::string why_not;  // it stays
  std::int64_t items = 0;
  std::uint64_t float_bytes = 0, bytes = 0;  // of its items before and after
  // Of the stored values against the float weights: the mean squared error, the largest one, and the root mean square
  // of the float weights.
  double mean_squared_error = 0, largest_error = 0, root_mean_square = 0;
  // Of the layer's output on the sample, as root mean squares: the error under the scales of the largest items, that of
  // what is stored, and the output's own size.
  struct Output {
    double plain_error = 0, error = 0, root_mean_square = 0;
  };
  std::optional<Output> output;
};
// Operations on floats, by what they are computed in (--cast).
struct HalfReport {
  std::size_t in_half = 0, in_single = 0;
};
// How far an output of the model with its stored weights is from the float model's, both computed by PyTorch.
struct FloatDistance {
  std::string output;
  nnef::Bindings sizes;
  double rms_error = 0, largest_error = 0;
  double root_mean_square = 0;  // of the float model's output
};

// How the archive computes a batch of symbolic size.
struct BatchReport {
  std::string symbol;    // the size of the batch; "" where no axis of an input is one
  bool is_scan = false;  // a loop over its samples
  std::string why;       // it is, or is not: a clause
};

// The archive as a stream: what tract gives pulse by pulse is what the whole sequence gives, some frames later.
struct StreamReport {
  std::string symbol;
  std::int64_t pulse = 0, length = 0;  // frames per pulse, and of the sequence that was streamed
  struct Output {
    std::string name;
    std::int64_t axis = 0;      // of time
    std::int64_t delay = 0;     // frames that come before the first one of the sequence
    std::int64_t frames = 0;    // per pulse
    std::int64_t compared = 0;  // frames
    double max_abs = 0;
    bool agrees = false;
    std::string detail;  // what differs
  };
  std::vector<Output> outputs;
};

struct ModelTree;  // report/model_tree.h

struct ExportReport {
  std::filesystem::path output;
  std::uint64_t archive_bytes = 0;
  std::uint64_t tensor_bytes = 0;
  int tensors = 0;
  int calls = 0;       // on the Tape
  int operations = 0;  // in the graph
  std::vector<IoReport> inputs, outputs;
  std::vector<StateReport> states;
  std::map<std::string, int> operators;  // aten name to count
  std::vector<Symbol> symbols;
  std::vector<nnef::Bindings> recorded_sizes;
  std::vector<std::string> constraints;
  BatchReport batch;
  std::string inputs_from;                    // where the sample inputs came from, one sentence
  std::vector<DrawnInput> drawn;              // integer inputs that the user gave no values for
  std::vector<WeightReport> weights;          // those that --quantize names, in the order of their paths
  std::vector<FloatDistance> float_distance;  // at each size that is checked
  std::optional<HalfReport> half;
  CheckReport check;
  std::vector<StreamReport> streams;
  Diagnostics diagnostics;
  std::map<std::string, double> seconds;  // by step
  std::string dump;
  std::shared_ptr<const ModelTree> tree;  // modules, calls and weights, for the page
  // Where a symbol stands on the inputs.
  std::vector<SymbolPlace> places_of(const std::string& symbol) const;
};

}  // namespace torch2nnef
