// What is asked of an export: plain data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/dialect.h"
#include "quant/weight_form.h"

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

// --stream S=PULSE: the archive is run as a stream, too, which gets `pulse` frames of the time axis S at a time.
struct StreamSpec {
  std::string symbol;
  std::int64_t pulse = 8;
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

// How a batch of symbolic size is computed: sample by sample in a loop, or in operations on all of them. By content:
// whichever is faster in the target, as far as that is known.
enum class BatchForm { kByContent, kScan, kPlain };

struct ExportReport;  // outcome.h

struct ExportOptions {
  // Sample inputs: a file (.npz or .pt), or specifications; both may be empty when the archive carries its own.
  std::filesystem::path inputs_file;
  std::vector<std::filesystem::path> other_inputs_files;  // checked as well, with the outputs that they hold
  std::vector<InputSpec> inputs;
  std::vector<std::string> extra_arguments;            // --arg: arguments of forward that are not tensors, in order
  std::vector<std::string> input_names, output_names;  // names in the archive
  std::uint64_t seed = 0;

  // What is exported: a method of the model, or of the module at that place in it, which gets as sample inputs what the
  // model's forward calls it with.
  std::string module_path, method = "forward";
  bool state_io = false;  // attributes that the method changes become inputs and outputs; else they are refused
  std::int64_t max_iterations = 0;       // of a loop that ends when the data says so; 0: such a loop is refused
  std::int64_t max_operations = 250000;  // that are executed to record the model; more: it is refused
  bool complex_pairs = false;  // complex outputs become real ones with a last axis of 2; else they are refused
  bool keep_nan = false;       // write operations of tract so that they keep NaN and infinities, where that is possible

  // The forms of float weights, asked in this order; a weight that none matches stays as it is. The check is then held
  // against PyTorch on the values that the stored weights have.
  std::vector<WeightRule> quantize;
  bool calibrate = false;           // choose the codes of blocks by the error that they make of a layer's outputs
  bool integer_arithmetic = false;  // products of quantised integers are sums of integers, else of whole numbers in f32
  bool cast_to_half = false;        // compute in f16 where that is accurate; inputs and outputs stay as they are
  std::vector<std::string> keep_single;  // expressions: the modules (by path) and operators that are computed in f32

  std::vector<DynamicAxis> dynamic_axes;
  std::vector<Symbol> symbols;  // bounds
  BatchForm batch = BatchForm::kByContent;

  std::vector<StreamSpec> streams;  // checked in tract's pulse mode

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

}  // namespace torch2nnef
