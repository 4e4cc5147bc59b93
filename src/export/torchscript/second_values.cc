#include "export/torchscript/second_values.h"

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
  ExportOptions plain = options;
  plain.check = Check::kNone;  // no fingerprints
  plain.model_tree = false;
  TorchScriptFrontEnd front_end(exported, plain, plan);
  return run_on_other_values(front_end, plan.sizes, plan.leaves, recording, options.seed);
}

}  // namespace torch2nnef
