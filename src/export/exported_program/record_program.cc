#include "export/exported_program/record_program.h"

#include "export/exported_program/front_end.h"
#include "export/load/compat_ops.h"
#include "export/load/drawn_inputs.h"
#include "export/load/given_runs.h"
#include "export/load/other_values.h"
#include "export/record/record_at_sizes.h"
#include "export/record/torch_types.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

ProgramPlan planned(const ProgramModel& model, const Tables& tables, const ExportOptions& options) {
  ProgramPlan plan = make_program_plan(*model.loaded, model.path, options);
  if (options.state_io) find_program_state(tables, options, plan);
  return plan;
}

// The plan that a recording was made by: with sizes tied where it has fewer symbols.
ProgramPlan planned_for(const Recording& recording, const ProgramModel& model, const Tables& tables,
                        const ExportOptions& options) {
  ProgramPlan plan = planned(model, tables, options);
  if (recording.tape.symbols.size() == plan.sizes.axes.symbols.size()) return plan;
  if (auto tied = with_tied_sizes(plan, options)) return std::move(*tied);
  return plan;
}

// Of sizes that the program leaves apart and the samples do not: as they are, or tied where the model fails at some
// that differ. Nothing where it fails at equal ones, too.
std::optional<Recording> record_apart_or_tied(ProgramFrontEnd& front_end, const ProgramPlan& plan, const Tables& tables,
                                              const ExportOptions& options, Diagnostics& diagnostics) {
  const auto tied = with_tied_sizes(plan, options);
  if (!tied) return std::nullopt;
  Diagnostics attempt;
  try {
    auto recording = record_at_all_sizes(front_end, plan.sizes, attempt);
    if (!recording) {
      attempt = {};
      ProgramFrontEnd tied_end(tables, options, *tied);
      recording = record_at_sizes(tied_end, tied->sizes, attempt, nullptr);
    }
    for (const Diagnostic& one : attempt.list()) diagnostics.add(one);
    return recording;
  } catch (const ExportError&) {
    return std::nullopt;
  }
}

Recording record_planned(const ProgramModel& model, const Tables& tables, const ExportOptions& options,
                         Diagnostics& diagnostics, Recording* refused) {
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  refuse_forbidden_nodes(model.loaded->program, tables);
  ProgramPlan plan = planned(model, tables, options);
  ProgramFrontEnd front_end(tables, options, plan);
  const auto record = [&](Diagnostics& found) {
    at::manual_seed(options.seed);
    if (auto recording = record_apart_or_tied(front_end, plan, tables, options, found)) return std::move(*recording);
    return record_at_sizes(front_end, plan.sizes, found, refused);
  };
  try {
    return record_drawn({plan.leaves, plan.drawn, options.seed}, record, diagnostics);
  } catch (const ExportError& error) {
    if (!plan.are_drawn) throw;
    throw of_drawn_samples(error, plan.drawn);
  }
}

}  // namespace

std::shared_ptr<const LoadedProgram> load_program_or_explain(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const auto fail = [&](const std::string& text, const std::string& hint) {
    throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError, "T2N-M002", "", {}, text, hint});
  };
  register_missing_operators();
  try {
    return load_program(path);
  } catch (const Unsupported& error) {
    fail(name + " cannot be read: " + error.what(), error.hint());
  } catch (const nnef::FormatError& error) {
    fail(name + " is damaged, or made to do harm: " + error.what(),
         "copy or download it again; a file that torch.export.save wrote has none of this");
  } catch (const nnef::IoError& error) {
    fail(error.what(), "");
  }
  return nullptr;
}

// libtorch's own errors are about the program, wherever they come from.
Recording record_program(const ProgramModel& model, const Tables& tables, const ExportOptions& options,
                         Diagnostics& diagnostics, Recording* refused) {
  try {
    return record_planned(model, tables, options, diagnostics, refused);
  } catch (const Unsupported& error) {  // before the recording: an input or a weight that is not read
    throw ExportError(ExportError::Kind::kNotExportable,
                      {Severity::kError, "T2N-R009", "", {}, error.what(), error.hint()});
  } catch (const c10::Error& error) {
    throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError,
                                                          "T2N-R001",
                                                          "",
                                                          {},
                                                          "the program cannot be executed: " + message_of(error),
                                                          "check that it runs in Python on these inputs"});
  }
}

void record_program_at(const ProgramModel& model, const Tables& tables, const ExportOptions& options,
                       const std::vector<nnef::Bindings>& sizes, Recording& recording) {
  if (sizes.empty()) return;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  ProgramPlan plan = planned_for(recording, model, tables, options);
  draw_as_recorded({plan.leaves, plan.drawn, options.seed}, recording);
  ProgramFrontEnd front_end(tables, options, plan);
  execute_at(front_end, plan.sizes, sizes, recording);
}

std::optional<Recording::Run> run_program_on_other_values(const ProgramModel& model, const Tables& tables,
                                                          const ExportOptions& options, const Recording& recording) {
  if (!is_worth_other_values(recording)) return std::nullopt;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  ProgramPlan plan = planned_for(recording, model, tables, options);
  draw_as_recorded({plan.leaves, plan.drawn, options.seed}, recording);
  ExportOptions plain = options;
  plain.check = Check::kNone;  // no fingerprints
  plain.model_tree = false;
  ProgramFrontEnd front_end(tables, plain, plan);
  return run_on_other_values(front_end, plan.sizes, plan.leaves, recording, options.seed);
}

std::vector<GivenRun> program_runs_on_given_inputs(const ProgramModel& model, const Tables& tables,
                                                   const ExportOptions& options, const Recording& recording) {
  std::vector<GivenRun> runs;
  if (options.other_inputs_files.empty()) return runs;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  for (const std::filesystem::path& file : options.other_inputs_files) {
    const ExportOptions given = options_for_inputs(options, file, recording.tape);
    ProgramPlan plan = planned(model, tables, given);
    ProgramFrontEnd front_end(tables, given, plan);
    runs.push_back(run_on_given_inputs(front_end, plan.sizes, plan.leaves, file, recording));
  }
  return runs;
}

}  // namespace torch2nnef
