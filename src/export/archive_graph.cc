#include "export/archive_graph.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "export/lower/lower.h"
#include "export/lower/module_sections.h"
#include "export/lower/standard.h"
#include "export/lower/value_names.h"
#include "export/simplify/batch_norms.h"
#include "export/simplify/batch_scan.h"
#include "export/simplify/keep_nan.h"
#include "export/simplify/known_forms.h"
#include "export/simplify/linear_form.h"
#include "export/simplify/moves.h"
#include "export/simplify/nan_losses.h"
#include "export/simplify/simplify.h"
#include "export/simplify/stored_shapes.h"
#include "export/version.h"
#include "export/weights/half_precision.h"
#include "export/weights/stored_weights.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/target_rules.h"
#include "quant/constant_layout.h"

namespace torch2nnef {
namespace {

// The operators of the model that tract computes with operations that lose a NaN.
void note_lost_nan(const Tape& tape, const Lineage& lineage, const std::set<nnef::Value>& lost,
                   Diagnostics& diagnostics) {
  std::set<std::string> operators;
  for (nnef::Value value : lost) {
    const std::int32_t call = lineage.call_of.at(static_cast<std::size_t>(value.id));
    if (call >= 0) operators.insert(tape.calls.at(static_cast<std::size_t>(call)).op);
  }
  if (operators.empty()) return;
  std::string names;
  for (const std::string& name : operators) names += (names.empty() ? "" : ", ") + name;
  diagnostics.note("T2N-L007", "tract does not keep NaN and infinities in " + names);
}

// --keep-nan
std::set<nnef::Value> keep_nan_where_possible(nnef::Graph& graph, const nnef::Dialect& dialect, Lineage& lineage) {
  KeptNan kept = keep_nan(graph, dialect);
  lineage.call_of.resize(graph.values.size() - kept.added_for.size(), -1);
  extend(lineage, kept.added_for);
  return std::move(kept.lost);
}

void simplify_in_steps(nnef::Graph& graph, const nnef::Dialect& dialect, Lineage& lineage, bool khronos) {
  if (khronos) return simplify(graph);
  for (const auto step : {use_known_forms, put_rows_in_one_axis, shorten_moves, use_known_forms, split_batches,
                          move_rows_before_products, move_rows_behind_products}) {
    lineage.call_of.resize(graph.values.size(), -1);
    extend(lineage, step(graph, dialect));
    simplify(graph);
  }
}

// What made the archive and for what sizes it holds; nothing about where or when.
void set_properties(const Recording& recording, const ExportOptions& options, nnef::Graph& graph) {
  const Tape& tape = recording.tape;
  VersionInfo versions = version_info();
  graph.properties = {{"tool", versions.torch2nnef}, {"torch", versions.torch}, {"target", options.target.to_string()}};
  for (const Symbol& symbol : tape.symbols) {
    if (!symbol.minimum && !symbol.maximum) continue;
    graph.properties.emplace_back("symbol_" + symbol.name, (symbol.minimum ? std::to_string(*symbol.minimum) : "") +
                                                               ".." +
                                                               (symbol.maximum ? std::to_string(*symbol.maximum) : ""));
  }
  for (std::size_t i = 0; i < tape.constraints.size(); ++i) {
    graph.properties.emplace_back("constraint_" + std::to_string(i), tape.constraints[i]);
  }
  for (const StateReport& state : recording.states) {
    graph.properties.emplace_back("state_" + state.input, state.output);
    graph.properties.emplace_back("initial_" + state.input, state.initial);
  }
}

// Whether tract reads it as an assertion: a comparison of sums and products (T-ASSERT-MODULO).
bool is_assertion(const std::string& constraint) {
  const std::size_t first = constraint.find(' '), second = constraint.rfind(' ');
  if (first == std::string::npos || first == second) return false;
  const std::string_view text = constraint, sign = text.substr(first + 1, second - first - 1);
  const auto is_sum = [](std::string_view side) {
    return !side.empty() && std::all_of(side.begin(), side.end(), [](unsigned char c) {
      return std::isalnum(c) || std::string_view("_+*-").find(static_cast<char>(c)) != std::string_view::npos;
    });
  };
  const bool is_comparison = sign == "==" || sign == "<" || sign == "<=" || sign == ">=" || sign == ">";
  return is_comparison && is_sum(text.substr(0, first)) && is_sum(text.substr(second + 1));
}

// What tract may take for granted of the symbols. It does not enforce them.
void set_assertions(const Tape& tape, const ExportOptions& options, nnef::Graph& graph) {
  if (options.target.kind != nnef::Target::Kind::kTract) return;
  for (const Symbol& symbol : tape.symbols) {
    if (symbol.minimum) graph.asserts.push_back(symbol.name + " >= " + std::to_string(*symbol.minimum));
    if (symbol.maximum) graph.asserts.push_back(symbol.name + " <= " + std::to_string(*symbol.maximum));
  }
  std::copy_if(tape.constraints.begin(), tape.constraints.end(), std::back_inserter(graph.asserts), is_assertion);
  for (std::string& assertion : nnef::assertions_about_slices(graph, options.target)) {
    const bool is_known = std::find(graph.asserts.begin(), graph.asserts.end(), assertion) != graph.asserts.end();
    if (!is_known) graph.asserts.push_back(std::move(assertion));
  }
}

// What operations there are. tract cannot cut its operator of a whole GRU, of 0.23.8, into pulses: streams get those of
// the release before.
nnef::Target target_of(const ExportOptions& options) {
  if (options.target.kind == nnef::Target::Kind::kKhronos) return {};  // the standard is reached from there
  nnef::Target target = options.target;
  if (!options.streams.empty()) target.version = std::min(target.version, nnef::Version{0, 23, 7});
  return target;
}

// Writes a batch of symbolic size as a loop over its samples, where that is asked for or faster; the graph before,
// then.
std::optional<nnef::Graph> choose_batch(nnef::Graph& graph, const nnef::Dialect& dialect, const ExportOptions& options,
                                        const Tape& tape, ExportReport& report) {
  std::optional<nnef::Graph> plain;
  // tract cannot cut a loop over samples into pulses.
  const bool is_asked = options.streams.empty() || options.batch != BatchForm::kByContent;
  if (is_asked && !tape.symbols.empty()) {
    plain = graph;
    report.batch = scan_over_batch(graph, dialect, options.batch, tape.worlds.front());
  }
  if (!report.batch.is_scan) plain.reset();
  if (options.batch == BatchForm::kScan && !plain) {
    const std::string why = tape.symbols.empty() ? "no axis is dynamic" : report.batch.why;
    report.diagnostics.error("T2N-L014", "the batch cannot be written as a scan over its samples: " + why, {},
                             "export without --batch=scan");
  }
  note_slow_convolutions(graph, report.diagnostics);
  return plain;
}

}  // namespace

void note_slow_convolutions(const nnef::Graph& graph, Diagnostics& diagnostics) {
  std::string names, flags;
  for (const std::string& symbol : symbols_of_convolutions(graph)) {
    names += (names.empty() ? "" : ", ") + symbol;
    flags += " --set " + symbol + "=SIZE";
  }
  if (names.empty()) return;
  diagnostics.note("T2N-L013", "tract takes 1.2 to 7 times as long for convolutions where a size is a symbol (" +
                                   names + "); a program that knows it sets it when it loads the archive: tract" +
                                   flags + ", in Rust set_symbols");
}

ArchiveGraph lower_recording(const Recording& recording, const Tables& tables, const ExportOptions& options,
                             ExportReport& report) {
  ArchiveGraph written{nnef::Dialect(target_of(options)), {}, {}, {}};
  LowerOptions lower;
  lower.naming = options.naming;
  lower.comments = options.comments;
  lower.call_numbers = is_khronos(options);
  if (options.integer_arithmetic) lower.quantised = QuantisedForm::kCodesAndBytes;
  if (is_khronos(options)) lower.quantised = QuantisedForm::kNumbers;
  written.lineage = lower_tape(recording.tape, written.graph, written.dialect, tables, lower, report.diagnostics);
  return written;
}

void simplify_graph(ArchiveGraph& written, Recording& recording, const ExportOptions& options, ExportReport& report) {
  nnef::Graph& graph = written.graph;
  Lineage& lineage = written.lineage;
  if (options.quantize.empty()) fold_batch_norms(graph);  // else weights are stored as the model has them
  simplify_in_steps(graph, written.dialect, lineage, is_khronos(options));
  lineage.call_of.resize(graph.values.size(), -1);
  store_weights(graph, options, recording, lineage, report);
  cast_to_half(graph, options, recording.tape, lineage, report);
  extend(lineage, lay_out_constants(graph, options.target));
  if (is_khronos(options)) return;
  store_in_shape(graph);
  use_linear(graph);
}

void fit_target(ArchiveGraph& written, const Recording& recording, const ExportOptions& options, ExportReport& report) {
  nnef::Graph& graph = written.graph;
  written.lineage.call_of.resize(graph.values.size(), -1);
  if (options.naming == nnef::Naming::kNatural) name_values(graph, recording.tape, written.lineage);
  if (is_khronos(options)) {
    written.dialect = nnef::Dialect(options.target);
    to_standard(recording.tape, options.comments, graph, report.diagnostics);
    return;
  }
  const std::set<nnef::Value> lost = options.keep_nan ? keep_nan_where_possible(graph, written.dialect, written.lineage)
                                                      : results_that_lose_nan(graph, written.dialect);
  note_lost_nan(recording.tape, written.lineage, lost, report.diagnostics);
  set_properties(recording, options, graph);
  set_assertions(recording.tape, options, graph);
  if (options.comments) divide_by_module(graph, recording.tape, written.lineage);
  written.plain = choose_batch(graph, written.dialect, options, recording.tape, report);
  if (options.comments) {
    if (written.plain) put_weights_below_headings(*written.plain);
    put_weights_below_headings(graph);
    for (nnef::Fragment& fragment : graph.fragments) put_weights_below_headings(fragment.body);
  }
  nnef::set_registries(graph, written.dialect);
}

}  // namespace torch2nnef
