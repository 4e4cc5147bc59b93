#include "export/torchscript/record.h"

#include "export/record/memory_bound.h"
#include "export/record/record_at_sizes.h"
#include "export/record/torch_types.h"
#include "export/torchscript/allowed_code.h"
#include "export/torchscript/execute_plan.h"
#include "export/torchscript/model_part.h"
#include "export/torchscript/record_at.h"
#include "export/torchscript/training_mode.h"

namespace torch2nnef {
namespace {

// A model that fails on values that were drawn need not be wrong.
ExportError of_drawn_samples(const ExportError& error) {
  std::vector<Diagnostic> errors = error.diagnostics();
  for (Diagnostic& one : errors) {
    if (one.code != "T2N-R001") continue;
    one.hint =
        "the values were drawn at random: give some that the model accepts (--inputs FILE), or their range "
        "(--input ids:i64:1,16=randint(0,100))";
  }
  return {error.kind(), std::move(errors)};
}

Recording record_model(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                       Recording* refused) {
  c10::InferenceMode guard;
  const MemoryBound bound;
  at::manual_seed(options.seed);
  if (!options.module_path.empty()) refuse_forbidden_calls(model.impl().module, "forward", tables);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  refuse_forbidden_calls(exported.module, options.method, tables);
  // Inputs that the archive carries are made by its own code.
  const bool may_be_bundled = options.inputs_file.empty() && options.inputs.empty();
  if (may_be_bundled) refuse_forbidden_calls(exported.module, "get_all_bundled_inputs", tables);
  refuse_training_mode(exported.module);
  const Plan plan = make_plan(exported, tables, options);
  TorchScriptFrontEnd front_end(exported, options, plan);
  try {
    return record_at_sizes(front_end, plan.sizes, diagnostics, refused);
  } catch (const ExportError& error) {
    if (!plan.samples.are_drawn) throw;
    throw of_drawn_samples(error);
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
  const MemoryBound bound;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  const Plan plan = make_plan(exported, tables, options);
  TorchScriptFrontEnd front_end(exported, options, plan);
  execute_at(front_end, plan.sizes, sizes, recording);
}

}  // namespace torch2nnef
