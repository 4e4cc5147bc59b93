// Values of sample inputs: drawn, specified, or read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/request.h"
#include "export/torch_compat.h"
#include "nnef/io.h"

namespace torch2nnef {

at::Generator seeded_generator(std::uint64_t seed);
// Floats from a normal distribution, integers 0 or 1 (see load/drawn_inputs.h), bools at random.
at::Tensor random_values(at::ScalarType type, const std::vector<std::int64_t>& sizes, at::Generator& generator);
// What --input NAME:DTYPE:DIMS[=FILL] says. Throws ExportError (usage).
at::Tensor specified_values(const InputSpec& spec, at::Generator& generator);
// The arrays of an .npz as tensors. Throws ExportError (usage) for a dtype that libtorch does not have.
std::vector<std::pair<std::string, at::Tensor>> npz_tensors(const std::vector<nnef::NamedTensor>& arrays);
// What torch.save wrote.
c10::IValue pickled_value(const std::filesystem::path& path);
// What torch.utils.bundled_inputs put into an archive.
std::optional<std::vector<c10::IValue>> bundled_inputs(const torch::jit::Module& module);

}  // namespace torch2nnef
