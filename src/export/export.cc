// The way of an export: load, record, lower, simplify, write, verify, report.

#include "export/export.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "export/archive_graph.h"
#include "export/export_model.h"
#include "export/front_ends.h"
#include "export/further_runs.h"
#include "export/ops/networks/rnn.h"
#include "export/ops/number_types/integer_products.h"
#include "export/report/model_tree.h"
#include "export/tape/tape_text.h"
#include "export/verify/check.h"
#include "export/verify/stream_check.h"
#include "export/weights/dynamic_products.h"
#include "export/weights/stored_weights.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

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

// The model at other sizes and values, for the check.
std::optional<Recording::Run> run_again(const Model& model, const Tables& tables, const ExportOptions& options,
                                        const nnef::Graph& operations, const LearntBounds& bounds, Steps& steps,
                                        Recording& recording, ExportReport& report) {
  if (!is_khronos(options) && !recording.tape.symbols.empty()) {
    steps.begin("record");
    run_at_boundaries(model, tables, options, operations, bounds, recording);
    run_at_stream_lengths(model, tables, options, recording);
  }
  if (!is_khronos(options)) add_given_runs(model, tables, options, bounds, recording);
  rerun_with_stored_weights(options, recording, report);
  if (options.check == Check::kNone || is_khronos(options)) return std::nullopt;
  steps.begin("check");
  auto other_values = front_ends::run_on_other_values(model, tables, options, recording);
  std::vector<FloatDistance> ignored;
  if (other_values && !options.quantize.empty()) rerun_with_stored_weights(recording, *other_values, ignored);
  return other_values;
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
  ArchiveGraph written = lower_recording(recording, tables, options, report);
  if (report.diagnostics.has_errors())
    keep_tree(recording, {&written.graph, &written.lineage}, report.diagnostics.list(), options, report);
  stop_on_errors(report.diagnostics, options);
  const auto graph_text = [&] { return nnef::write_text(written.graph, written.dialect, write_options(options).text); };
  check_dump(options, "lower", graph_text, report);

  steps.begin("simplify");
  simplify_graph(written, recording, options, report);
  const LearntBounds bounds = state_bounds(written.graph, recording.tape, report);
  fit_target(written, recording, options, report);
  stop_on_errors(report.diagnostics, options);
  describe_graph(written.operations(), report);
  keep_tree(recording, {&written.operations(), &written.lineage}, {}, options, report);
  refuse_streams(written.operations(), written.lineage, recording.tape, options);
  check_dump(options, "simplify", graph_text, report);

  const std::optional<Recording::Run> other_values =
      run_again(model, tables, options, written.operations(), bounds, steps, recording, report);
  PendingArchive pending(output, options.dry_run);
  const Finished finished{recording,       written.lineage,
                          written.graph,   written.plain ? &*written.plain : nullptr,
                          written.dialect, other_values ? &*other_values : nullptr};
  if (written.plain && options.batch == BatchForm::kByContent) {
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
  if (options.integer_arithmetic && !is_khronos(options)) chosen.add(integer_products());
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
