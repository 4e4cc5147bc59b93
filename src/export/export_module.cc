// The entry point for programs that hold a module of libtorch.

#include "export/export_model.h"
#include "export/torch_compat.h"

namespace torch2nnef {

ExportReport export_model_to_nnef(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
                                  const std::filesystem::path& output, const ExportOptions& options) {
  return export_loaded(Model::wrap(model, inputs), user_tables(options.plugins, options.fragment_files), output,
                       options, 0);
}

}  // namespace torch2nnef
