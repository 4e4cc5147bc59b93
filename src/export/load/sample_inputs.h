// The sample inputs that forward is executed with, from whatever source there is.
#pragma once

#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/load/assemble_inputs.h"
#include "export/load/model_impl.h"
#include "export/request.h"

namespace torch2nnef {

// The tensors of an .npz file of the user's, by name. Throws ExportError (usage) when it cannot be read.
NamedTensors read_inputs(const std::filesystem::path& path);

struct SampleInputs {
  std::vector<c10::IValue> arguments;  // of forward, without self
  std::string from;                    // a sentence, for the report
  std::vector<at::Tensor> drawn = {};  // at random: the model may not accept the values
};

// In this order: given with the module, --inputs, --input, the archive's own, a file beside the model. Throws
// ExportError (usage) when there are none or they do not fit, with forward's arguments and a command line to copy.
SampleInputs sample_inputs(const Model::Impl& model, const ExportOptions& options);

// The tensors inside the arguments, depth first, each with a name for the archive: the argument's, with the place in a
// tuple, list or dict after it.
struct NamedLeaf {
  std::string name;
  at::Tensor tensor;
};
std::vector<NamedLeaf> tensor_leaves(const std::vector<c10::IValue>& arguments, const torch::jit::Method& method);
// The same arguments with other tensors, in that order.
std::vector<c10::IValue> with_leaves(const std::vector<c10::IValue>& arguments, const std::vector<at::Tensor>& leaves);

}  // namespace torch2nnef
