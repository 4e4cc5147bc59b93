// A part of a model in the place of the whole.
#pragma once

#include "export/load/model_impl.h"
#include "export/request.h"

namespace torch2nnef {

// The module at options.module_path, with options.method to be executed: its sample inputs are what the first call of
// it gets when the whole model's forward is executed on the sample inputs of the whole. Throws ExportError when there
// is no such module or method, or when nothing calls it.
Model::Impl model_part(const Model::Impl& whole, const ExportOptions& options);

}  // namespace torch2nnef
