#include "export/torchscript/second_values.h"

#include "export/load/drawn_inputs.h"
#include "export/load/given_runs.h"
#include "export/load/other_values.h"
#include "export/lower/lowering.h"
#include "export/torchscript/execute_plan.h"
#include "export/torchscript/model_part.h"

namespace torch2nnef {

std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording) {
  if (!is_worth_other_values(recording)) return std::nullopt;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  Plan plan = make_plan(exported, tables, options);
  draw_as_recorded({plan.leaves, plan.drawn, options.seed}, recording);
  ExportOptions plain = options;
  plain.check = Check::kNone;  // no fingerprints
  plain.model_tree = false;
  TorchScriptFrontEnd front_end(exported, plain, plan);
  return run_on_other_values(front_end, plan.sizes, plan.leaves, recording, options.seed);
}

std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording) {
  std::vector<GivenRun> runs;
  if (options.other_inputs_files.empty()) return runs;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  for (const std::filesystem::path& file : options.other_inputs_files) {
    const ExportOptions given = options_for_inputs(options, file, recording.tape);
    Plan plan = make_plan(exported, tables, given);
    TorchScriptFrontEnd front_end(exported, given, plan);
    runs.push_back(run_on_given_inputs(front_end, plan.sizes, plan.leaves, file, recording));
  }
  return runs;
}

}  // namespace torch2nnef
