// The way of an export: load, record, lower, simplify, write, verify, report.

#include "export/export.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iterator>
#include <new>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "export/export_model.h"
#include "export/front_ends.h"
#include "export/further_runs.h"
#include "export/lower/lower.h"
#include "export/lower/lowering.h"
#include "export/lower/standard.h"
#include "export/ops/networks/rnn.h"
#include "export/ops/number_types/integer_products.h"
#include "export/report/model_tree.h"
#include "export/simplify/batch_norms.h"
#include "export/simplify/batch_scan.h"
#include "export/simplify/keep_nan.h"
#include "export/simplify/known_forms.h"
#include "export/simplify/linear_form.h"
#include "export/simplify/moves.h"
#include "export/simplify/nan_losses.h"
#include "export/simplify/simplify.h"
#include "export/simplify/stored_shapes.h"
#include "export/tape/tape_text.h"
#include "export/verify/check.h"
#include "export/verify/stream_check.h"
#include "export/weights/dynamic_products.h"
#include "export/weights/half_precision.h"
#include "export/weights/stored_weights.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/target_rules.h"
#include "nnef/io.h"
#include "quant/constant_layout.h"

namespace torch2nnef {
namespace {

// Times the steps and tells them to the user.
class Steps {
 public:
  Steps(const ExportOptions& options, ExportReport& report) : options_(options), report_(report) {}
  void begin(std::string name) {
    end();
    name_ = std::move(name);
    since_ = std::chrono::steady_clock::now();
    if (options_.progress) options_.progress(name_);
  }
  void end() {
    if (name_.empty()) return;
    report_.seconds[name_] += std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
    name_.clear();
  }

 private:
  const ExportOptions& options_;
  ExportReport& report_;
  std::string name_;
  std::chrono::steady_clock::time_point since_;
};

void stop_on_errors(const Diagnostics& diagnostics, const ExportOptions& options) {
  std::vector<Diagnostic> errors;
  for (const Diagnostic& one : diagnostics.list()) {
    bool counts =
        one.severity == Severity::kError || (options.warnings_as_errors && one.severity == Severity::kWarning);
    if (counts) errors.push_back(one);
  }
  if (!errors.empty()) throw ExportError(ExportError::Kind::kNotExportable, std::move(errors));
}

void describe_tape(const Tape& tape, ExportReport& report) {
  report.symbols = tape.symbols;
  report.constraints = tape.constraints;
  if (!tape.symbols.empty()) report.recorded_sizes = tape.worlds;
  for (const TapeCall& call : tape.calls) {
    bool wanted = false;
    for (TapeValue result : call.results) wanted = wanted || (result && tape.info(result).wanted);
    if (!wanted) continue;
    ++report.calls;
    ++report.operators[call.op];
  }
}

void describe_graph(const nnef::Graph& graph, ExportReport& report) {
  report.operations = static_cast<int>(graph.operations.size());
  auto io = [&](nnef::Value value) {
    const nnef::ValueInfo& info = graph.info(value);
    return IoReport{info.name, std::string(nnef::to_string(info.dtype)), info.shape};
  };
  for (nnef::Value input : graph.inputs) report.inputs.push_back(io(input));
  for (nnef::Value output : graph.outputs) report.outputs.push_back(io(output));
}

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
  for (const auto step : {use_known_forms, shorten_moves, use_known_forms, split_batches, move_rows_before_products,
                          move_rows_behind_products}) {
    lineage.call_of.resize(graph.values.size(), -1);
    extend(lineage, step(graph, dialect));
    simplify(graph);
  }
}

// Where convolutions still see symbols once the form of the batch is chosen.
void note_slow_convolutions(const nnef::Graph& graph, Diagnostics& diagnostics) {
  std::string names, flags;
  for (const std::string& symbol : symbols_of_convolutions(graph)) {
    names += (names.empty() ? "" : ", ") + symbol;
    flags += " --set " + symbol + "=SIZE";
  }
  if (names.empty()) return;
  diagnostics.note("T2N-L013", "tract takes 1.2 to 7 times as long for convolutions where a size is a symbol (" +
                                   names + "); a program that knows it sets it when it loads the archive: tract" +
                                   flags + ", in Rust concretize_symbols");
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

// What the calls and the operations of the graph need of the sizes, as constraints of the export.
LearntBounds state_bounds(const nnef::Graph& graph, Tape& tape, ExportReport& report) {
  if (tape.symbols.empty()) return {};
  std::vector<nnef::SizeCondition> conditions = conditions_of(tape);
  for (nnef::SizeCondition& condition : nnef::conditions_of(graph)) conditions.push_back(std::move(condition));
  LearntBounds bounds = learn_bounds(conditions, facts_of(tape), tape.worlds.front());
  for (const std::string& text : bounds.texts) {
    const bool is_known = std::find(tape.constraints.begin(), tape.constraints.end(), text) != tape.constraints.end();
    if (!is_known) tape.constraints.push_back(text);
  }
  report.constraints = tape.constraints;
  return bounds;
}

// What operations there are. tract cannot cut its operator of a whole GRU, of 0.23.8, into pulses: streams get those of
// the release before.
nnef::Target target_of(const ExportOptions& options) {
  if (options.target.kind == nnef::Target::Kind::kKhronos) return {};  // the standard is reached from there
  nnef::Target target = options.target;
  if (!options.streams.empty()) target.version = std::min(target.version, nnef::Version{0, 23, 7});
  return target;
}

// What PyTorch computes with the weights as they are stored, which is what the archive is compared with.
void rerun_with_stored_weights(const ExportOptions& options, Recording& recording, ExportReport& report) {
  if (options.quantize.empty() || options.check == Check::kNone) return;
  for (Recording::Run& run : recording.runs) rerun_with_stored_weights(recording, run, report.float_distance);
}

nnef::WriteOptions write_options(const ExportOptions& options) {
  nnef::WriteOptions write;
  write.compression = options.compression;
  write.text.comments = options.comments;
  return write;
}

void check_dump(const ExportOptions& options, std::string_view step, const std::function<std::string()>& text,
                ExportReport& report) {
  if (options.dump_after == step) report.dump = text();
}

// What became of the model, for whoever asks for the page.
void keep_tree(const Recording& recording, const Lowered& lowered, const std::vector<Diagnostic>& errors,
               const ExportOptions& options, ExportReport& report) {
  if (options.model_tree) report.tree = std::make_shared<ModelTree>(make_model_tree(recording, lowered, errors));
}

Recording record_and_describe(const Model& model, const Tables& tables, const ExportOptions& options,
                              ExportReport& report) {
  Recording refused;
  try {
    Recording recording = front_ends::record(model, tables, options, report.diagnostics, &refused);
    report.inputs_from = recording.inputs_from;
    report.drawn = recording.drawn;
    report.states = recording.states;
    describe_tape(recording.tape, report);
    return recording;
  } catch (const ExportError& error) {
    keep_tree(refused, {}, error.diagnostics(), options, report);
    throw;
  }
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
    stop_on_errors(report.diagnostics, options);
  }
  note_slow_convolutions(graph, report.diagnostics);
  return plain;
}

// All that the last steps need of those before.
struct Finished {
  const Recording& recording;
  const Lineage& lineage;
  const nnef::Graph& graph;  // as it is to be written
  const nnef::Graph* plain;  // the same with no loop over samples; null where there is none
  const nnef::Dialect& dialect;
  const Recording::Run* other_values;
};

void write_and_check(PendingArchive& pending, const Finished& finished, const ExportOptions& options, Steps& steps,
                     ExportReport& report) {
  steps.begin("write");
  nnef::Written written = pending.write(finished.graph, finished.dialect, write_options(options));
  report.archive_bytes = written.bytes;
  report.tensor_bytes = written.tensor_bytes;
  report.tensors = written.tensors;

  steps.begin("read back");
  nnef::Graph archive;
  std::string difference = nnef::compare_archive(pending.path(), finished.graph, finished.dialect, &archive);
  if (!difference.empty()) {
    throw ExportError(ExportError::Kind::kInternal, {Severity::kError,
                                                     "T2N-I004",
                                                     "",
                                                     {},
                                                     "the archive does not read back as it was written: " + difference,
                                                     "this is a bug in torch2nnef; please report it"});
  }

  steps.begin("check");
  const CheckSubject subject{finished.recording, finished.lineage,      finished.graph, archive,
                             finished.dialect,   finished.other_values, finished.plain};
  check_archive(pending.path(), subject, options, report);
  check_streams(pending.path(), subject, options, report);
}

// Nobody asked for the loop: it is used where its values are right.
void write_scan_or_plain(PendingArchive& pending, const Finished& scan, ExportOptions options, Steps& steps,
                         ExportReport& report) {
  const std::filesystem::path bundle = std::exchange(options.debug_bundle, {});
  const Diagnostics before = report.diagnostics;
  try {
    return write_and_check(pending, scan, options, steps, report);
  } catch (const ExportError& error) {
    if (error.kind() != ExportError::Kind::kCheckFailed) throw;
    report.batch.why = "as a scan, " + error.diagnostics().front().text;
  }
  report.batch.is_scan = false;
  report.diagnostics = before;
  report.check = {};
  options.debug_bundle = bundle;
  nnef::Graph graph = *scan.plain;
  nnef::set_registries(graph, scan.dialect);
  note_slow_convolutions(graph, report.diagnostics);
  write_and_check(pending, {scan.recording, scan.lineage, graph, nullptr, scan.dialect, scan.other_values}, options,
                  steps, report);
}

void export_model(const Model& model, const Tables& tables, const std::filesystem::path& output,
                  const ExportOptions& options, double load_seconds, ExportReport& report) {
  report.output = output;
  if (load_seconds > 0) report.seconds["load"] = load_seconds;
  Steps steps(options, report);

  steps.begin("record");
  Recording recording = record_and_describe(model, tables, options, report);
  check_dump(
      options, "record", [&] { return to_text(recording.tape); }, report);

  steps.begin("lower");
  quantise_linear_layers(recording, options, report);
  const bool khronos = options.target.kind == nnef::Target::Kind::kKhronos;
  nnef::Dialect dialect(target_of(options));
  nnef::Graph graph;
  LowerOptions lower;
  lower.naming = options.naming;
  lower.comments = options.comments;
  lower.call_numbers = khronos;
  Lineage lineage = lower_tape(recording.tape, graph, dialect, tables, lower, report.diagnostics);
  if (report.diagnostics.has_errors())
    keep_tree(recording, {&graph, &lineage}, report.diagnostics.list(), options, report);
  stop_on_errors(report.diagnostics, options);
  const nnef::TextOptions text = write_options(options).text;
  check_dump(
      options, "lower", [&] { return nnef::write_text(graph, dialect, text); }, report);

  steps.begin("simplify");
  if (options.quantize.empty()) fold_batch_norms(graph);  // else weights are stored as the model has them
  simplify_in_steps(graph, dialect, lineage, khronos);
  lineage.call_of.resize(graph.values.size(), -1);
  store_weights(graph, options, recording, lineage, report);
  cast_to_half(graph, options, recording.tape, lineage, report);
  extend(lineage, lay_out_constants(graph, options.target));
  if (!khronos) {
    store_in_shape(graph);
    use_linear(graph);
  }
  const LearntBounds bounds = state_bounds(graph, recording.tape, report);
  std::optional<nnef::Graph> plain;
  if (khronos) {
    dialect = nnef::Dialect(options.target);
    to_standard(recording.tape, options.comments, graph, report.diagnostics);
    stop_on_errors(report.diagnostics, options);
  } else {
    const std::set<nnef::Value> lost =
        options.keep_nan ? keep_nan_where_possible(graph, dialect, lineage) : results_that_lose_nan(graph, dialect);
    note_lost_nan(recording.tape, lineage, lost, report.diagnostics);
    set_properties(recording, options, graph);
    set_assertions(recording.tape, options, graph);
    plain = choose_batch(graph, dialect, options, recording.tape, report);
    nnef::set_registries(graph, dialect);
  }
  const nnef::Graph& operations = plain ? *plain : graph;  // none of them in a loop over samples
  describe_graph(operations, report);
  keep_tree(recording, {&operations, &lineage}, {}, options, report);
  refuse_streams(operations, lineage, recording.tape, options);
  check_dump(
      options, "simplify", [&] { return nnef::write_text(graph, dialect, text); }, report);

  if (!khronos && !recording.tape.symbols.empty()) {
    steps.begin("record");
    run_at_boundaries(model, tables, options, operations, bounds, recording);
    run_at_stream_lengths(model, tables, options, recording);
  }
  if (!khronos) add_given_runs(model, tables, options, bounds, recording);
  rerun_with_stored_weights(options, recording, report);

  std::optional<Recording::Run> other_values;
  if (options.check != Check::kNone && !khronos) {
    steps.begin("check");
    other_values = front_ends::run_on_other_values(model, tables, options, recording);
    std::vector<FloatDistance> ignored;
    if (other_values && !options.quantize.empty()) rerun_with_stored_weights(recording, *other_values, ignored);
  }
  PendingArchive pending(output, options.dry_run);
  const Recording::Run* second = other_values ? &*other_values : nullptr;
  const Finished finished{recording, lineage, graph, plain ? &*plain : nullptr, dialect, second};
  if (plain && options.batch == BatchForm::kByContent) {
    write_scan_or_plain(pending, finished, options, steps, report);
  } else {
    write_and_check(pending, finished, options, steps, report);
  }
  steps.end();
  stop_on_errors(report.diagnostics, options);
  pending.commit();
}

}  // namespace

ExportReport export_loaded(const Model& model, const Tables& tables, const std::filesystem::path& output,
                           const ExportOptions& options, double load_seconds) {
  Tables chosen = tables;
  if (options.integer_arithmetic) chosen.add(integer_products());
  ExportReport report;
  const auto failed = [&](ExportError error) {
    report.archive_bytes = 0;  // there is none
    if (options.refused) options.refused(report);
    return error;
  };
  const auto not_written = [](const char* code, const std::exception& error) {
    return ExportError(ExportError::Kind::kNotExportable, {Severity::kError, code, "", {}, error.what(), ""});
  };
  try {
    export_model(model, chosen, output, options, load_seconds, report);
  } catch (const ExportError& error) {
    throw failed(error);
  } catch (const nnef::IoError& error) {
    throw failed(not_written("T2N-W001", error));
  } catch (const nnef::FormatError& error) {
    throw failed(not_written("T2N-W002", error));
  } catch (const std::system_error& error) {  // of the file system, or too many files or threads
    throw failed(not_written("T2N-W001", error));
  } catch (const std::exception& error) {
    const bool is_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                           std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
    if (!is_memory) throw;
    throw failed(
        not_written("T2N-W003", std::runtime_error("the memory of this machine, or what the process may take of "
                                                   "it, is not enough for this model")));
  }
  return report;
}

ExportReport export_model_to_nnef(const std::filesystem::path& model, const std::filesystem::path& output,
                                  const ExportOptions& options) {
  auto begin = std::chrono::steady_clock::now();
  Tables tables = user_tables(options.plugins, options.fragment_files);  // plugins know operators of the model
  if (options.keep_nan || options.target.kind == nnef::Target::Kind::kKhronos) tables.add(written_recurrent_layers());
  if (options.progress) options.progress("load");
  Model loaded = Model::load(model);
  return export_loaded(loaded, tables, output, options,
                       std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

VersionInfo version_info() { return {"torch2nnef " TORCH2NNEF_VERSION, torch_version(), nnef::Target{}.to_string()}; }

}  // namespace torch2nnef
