// torch2nnef's public interface: turn a TorchScript model into an NNEF archive, checked.
//
//   torch2nnef::ExportOptions options;
//   options.inputs.push_back({.name = "x", .dtype = "f32", .dims = "1,3,224,224"});
//   torch2nnef::ExportReport report = torch2nnef::export_model_to_nnef("resnet18.pt", "resnet18.nnef.tgz", options);
//
// The library never prints and never exits. It returns a report or throws ExportError (diagnostics.h), and then there
// is no output file. No torch header is included here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/tape.h"
#include "export/verify/divergence.h"
#include "nnef/builder.h"
#include "nnef/dialect.h"

namespace torch {
namespace jit {
struct Module;
}
}  // namespace torch
namespace c10 {
struct IValue;
}

namespace torch2nnef TORCH2NNEF_API {

// --input NAME:DTYPE:DIMS[=FILL]
struct InputSpec {
  std::string name;   // an argument of forward, or "" for the next one
  std::string dtype;  // "f32", "i64", ... or torch's "float32", "int64"
  std::string dims;   // "1,3,224,224"; "" for rank 0
  std::string fill;   // "", "zeros", "ones", "randint(lo,hi)", "FILE.npy"
};

// --dynamic-axes NAME:AXIS=EXPR
struct DynamicAxis {
  std::string input;
  int axis = 0;  // may be negative
  nnef::Dim expression;
};

// kReference: by our own evaluator, which needs nothing installed. kTract: by it and by tract, which must be found.
enum class Check { kNone, kTract, kReference };

// How far floats may be apart: |actual - expected| <= absolute + relative * |expected|, except for a share of outliers.
// `absolute` is for values of size 1: it grows with the root mean square of the expected values where that is above 1,
// since sums of large values leave rounding errors of their size beside a small result.
struct ToleranceBounds {
  double absolute = 0, relative = 0;
  double outliers = 0;  // largest share of the values that may be further apart
  friend bool operator==(const ToleranceBounds&, const ToleranceBounds&) = default;
};
// How far outputs may be apart: one of tract's levels, with its names and numbers (`--approx`), or a number.
struct Tolerance {
  ToleranceBounds wide, half;  // of f32 and f64; of f16
  friend bool operator==(const Tolerance&, const Tolerance&) = default;

  static const Tolerance kExact, kClose, kApproximate, kVery, kSuper, kUltra;
  static const Tolerance kDefault;  // 1e-4: tighter than approximate in what it allows beside large values
  // Both bounds of f32 and f64 are that number; those of f16 at least what approximate has.
  static constexpr Tolerance of(double number);
};
inline constexpr Tolerance Tolerance::kExact{{0, 0, 0}, {0, 0, 0}};
inline constexpr Tolerance Tolerance::kClose{{1e-7, 1e-7, 0}, {1e-3, 1e-3, 0}};
inline constexpr Tolerance Tolerance::kApproximate{{1e-4, 5e-4, 0}, {1e-3, 5e-3, 0}};
inline constexpr Tolerance Tolerance::kVery{{5e-2, 1e-2, 0}, {5e-2, 1e-2, 0}};
inline constexpr Tolerance Tolerance::kSuper{{0.1, 0.05, 1e-4}, {0.1, 0.05, 1e-4}};
inline constexpr Tolerance Tolerance::kUltra{{0.2, 0.1, 5e-4}, {0.2, 0.1, 5e-4}};
constexpr Tolerance Tolerance::of(double number) {
  return {{number, number, 0},
          {number > kApproximate.half.absolute ? number : kApproximate.half.absolute,
           number > kApproximate.half.relative ? number : kApproximate.half.relative, 0}};
}
inline constexpr Tolerance Tolerance::kDefault = Tolerance::of(1e-4);
// The name of a level, or a number between 0 and 1 ("1e-3"); nothing for anything else.
std::optional<Tolerance> tolerance_from_string(std::string_view text);
std::string to_string(const Tolerance& tolerance);  // as tolerance_from_string() takes it

struct ExportReport;

struct ExportOptions {
  // Sample inputs: a file (.npz or .pt), or specifications; both may be empty when the archive carries its own.
  std::filesystem::path inputs_file;
  std::vector<InputSpec> inputs;
  std::vector<std::string> extra_arguments;            // --arg: arguments of forward that are not tensors, in order
  std::vector<std::string> input_names, output_names;  // names in the archive
  std::uint64_t seed = 0;

  // What is exported: a method of the model, or of the module at that place in it, which gets as sample inputs what the
  // model's forward calls it with.
  std::string module_path, method = "forward";
  bool state_io = false;  // attributes that the method changes become inputs and outputs; else they are refused
  std::int64_t max_iterations = 0;  // of a loop that ends when the data says so; 0: such a loop is refused

  std::vector<DynamicAxis> dynamic_axes;
  std::vector<Symbol> symbols;  // bounds

  nnef::Target target;
  nnef::Naming naming = nnef::Naming::kNatural;
  bool comments = false;
  int compression = 0;
  std::vector<std::filesystem::path> plugins, fragment_files;  // asked in this order, before the built-in table

  std::optional<Check> check;   // unset: reference, and tract when an engine is found
  bool call_errors = false;     // fill CheckReport::calls: two more passes over the model
  std::filesystem::path tract;  // --tract; empty: $TRACT, PATH, tools/get-tract's place
  Tolerance tolerance = Tolerance::kDefault;
  double check_timeout_seconds = 300;
  std::filesystem::path debug_bundle;  // written when the check fails; empty: none

  bool dry_run = false;     // everything but the output
  bool model_tree = false;  // fill ExportReport::tree
  bool warnings_as_errors = false;
  std::string dump_after;                               // "record", "lower", "simplify": its text goes to report.dump
  std::vector<std::string> command_line;                // for the archive's properties and the bundle
  std::function<void(std::string_view step)> progress;  // called at the start of each step
  // Called with what is known of the model when an export ends without one, before the ExportError is thrown.
  std::function<void(const ExportReport&)> refused;
};

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

// An attribute that the model changes, as an input and an output of the archive (state_io).
struct StateReport {
  std::string attribute, input, output;
  std::string initial;  // its value before the first call: "zeros", "all 0.5", or the items, row-major
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
  };
  std::vector<Output> outputs;           // of each engine that ran, at each size
  std::vector<CallError> calls;          // of the sample, by the reference evaluator
  std::optional<Divergence> divergence;  // of the first output that differs
  // Those of the engine whose word counts: tract's where it ran.
  std::vector<const Output*> verdicts() const;
  bool agrees() const;  // every verdict; a check that did not run agrees with nothing
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
  std::string inputs_from;  // where the sample inputs came from, one sentence
  CheckReport check;
  Diagnostics diagnostics;
  std::map<std::string, double> seconds;  // by step
  std::string dump;
  std::shared_ptr<const ModelTree> tree;  // modules, calls and weights, for the page
  // Where a symbol stands on the inputs.
  std::vector<SymbolPlace> places_of(const std::string& symbol) const;
};

// Exports the archive at `model`. `output` ends in .tgz, .tar.gz or .tar, else it is a folder.
ExportReport export_model_to_nnef(const std::filesystem::path& model, const std::filesystem::path& output,
                                  const ExportOptions& options);
// Exports a loaded module; `inputs` are the arguments of forward.
ExportReport export_model_to_nnef(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
                                  const std::filesystem::path& output, const ExportOptions& options);

// Removes what the exports that run in this process have written so far, for a program that a signal ends. From any
// thread; not from a signal handler.
void remove_unfinished_outputs();

// "torch2nnef 0.1.0", torch's version, the default dialect.
struct VersionInfo {
  std::string torch2nnef, torch, dialect;
};
VersionInfo version_info();

}  // namespace torch2nnef
