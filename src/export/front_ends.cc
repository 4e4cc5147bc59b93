#include "export/front_ends.h"

#include "export/exported_program/record_program.h"
#include "export/load/file_kind.h"
#include "export/load/model_impl.h"
#include "export/record/memory_bound.h"
#include "export/torch_compat.h"
#include "export/torchscript/record.h"
#include "export/torchscript/record_at.h"
#include "export/torchscript/second_values.h"

namespace torch2nnef {
namespace {

ProgramModel program_of(const Model& model) { return {model.impl().program, model.impl().path}; }

}  // namespace

Model Model::load(const std::filesystem::path& path) {
  const QuietTorch quiet;
  if (!kind_of_model(path).is_program) return load_torchscript(path);
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  impl->program = load_program_or_explain(path);
  return Model(std::move(impl));
}

namespace front_ends {

Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused) {
  const MemoryBound bound;
  const QuietTorch quiet;
  return model.impl().program ? record_program(program_of(model), tables, options, diagnostics, refused)
                              : torch2nnef::record(model, tables, options, diagnostics, refused);
}

void record_at(const Model& model, const Tables& tables, const ExportOptions& options,
               const std::vector<nnef::Bindings>& sizes, Recording& recording) {
  const MemoryBound bound;
  const QuietTorch quiet;
  if (model.impl().program) return record_program_at(program_of(model), tables, options, sizes, recording);
  torch2nnef::record_at(model, tables, options, sizes, recording);
}

std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording) {
  const MemoryBound bound;
  const QuietTorch quiet;
  return model.impl().program ? run_program_on_other_values(program_of(model), tables, options, recording)
                              : torch2nnef::run_on_other_values(model, tables, options, recording);
}

std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording) {
  const MemoryBound bound;
  const QuietTorch quiet;
  if (model.impl().program) return program_runs_on_given_inputs(program_of(model), tables, options, recording);
  return torch2nnef::runs_on_given_inputs(model, tables, options, recording);
}

}  // namespace front_ends
}  // namespace torch2nnef
