// Model's inside.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "export/load/model.h"
#include "export/torch_compat.h"

namespace torch2nnef {

struct LoadedProgram;  // exported_program/loaded_program.h

// One of the two: a module of TorchScript, or an exported program.
struct Model::Impl {
  std::filesystem::path path;  // empty for a module in memory
  std::shared_ptr<const LoadedProgram> program;
  torch::jit::Module module;
  std::optional<std::vector<c10::IValue>> inputs;  // given with the module
  std::string inputs_from;                         // where those are from, "" for given with the module
  std::optional<std::vector<c10::IValue>> traced;  // sizes and dtypes of the tensors that it was traced with; no values
  std::string npz;                                 // the archive's extra file inputs.npz, "" for none
};

}  // namespace torch2nnef
