#include "export/torchscript/record.h"

#include "export/load/drawn_inputs.h"
#include "export/record/record_at_sizes.h"
#include "export/record/torch_types.h"
#include "export/torchscript/allowed_code.h"
#include "export/torchscript/execute_plan.h"
#include "export/torchscript/model_part.h"
#include "export/torchscript/record_at.h"
#include "export/torchscript/training_mode.h"

namespace torch2nnef {
namespace {

Recording record_model(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                       Recording* refused) {
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  if (!options.module_path.empty()) refuse_forbidden_calls(model.impl().module, "forward", tables);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  refuse_forbidden_calls(exported.module, options.method, tables);
  // Inputs that the archive carries are made by its own code.
  const bool may_be_bundled = options.inputs_file.empty() && options.inputs.empty();
  if (may_be_bundled) refuse_forbidden_calls(exported.module, "get_all_bundled_inputs", tables);
  refuse_training_mode(exported.module);
  Plan plan = make_plan(exported, tables, options);
  TorchScriptFrontEnd front_end(exported, options, plan);
  const auto record = [&](Diagnostics& found) {
    at::manual_seed(options.seed);
    return record_at_sizes(front_end, plan.sizes, found, refused);
  };
  try {
    return record_drawn({plan.leaves, plan.drawn, options.seed}, record, diagnostics);
  } catch (const ExportError& error) {
    if (plan.samples.drawn.empty()) throw;
    throw of_drawn_samples(error, plan.drawn);
  }
}

}  // namespace

// libtorch's own errors are about the model, wherever they come from.
Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused) {
  try {
    return record_model(model, tables, options, diagnostics, refused);
  } catch (const c10::Error& error) {
    throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError,
                                                          "T2N-R001",
                                                          "",
                                                          {},
                                                          "the model cannot be executed: " + message_of(error),
                                                          "check that it runs in Python on these inputs"});
  }
}

void record_at(const Model& model, const Tables& tables, const ExportOptions& options,
               const std::vector<nnef::Bindings>& sizes, Recording& recording) {
  if (sizes.empty()) return;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  Plan plan = make_plan(exported, tables, options);
  draw_as_recorded({plan.leaves, plan.drawn, options.seed}, recording);
  TorchScriptFrontEnd front_end(exported, options, plan);
  execute_at(front_end, plan.sizes, sizes, recording);
}

}  // namespace torch2nnef
