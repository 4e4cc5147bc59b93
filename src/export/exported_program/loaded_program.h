// A program with its tensors, ready to be executed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "export/exported_program/program.h"
#include "export/torch_compat.h"

namespace torch2nnef {

struct LoadedProgram {
  Program program;
  std::vector<at::Tensor> tensors;  // one per Program::inputs; undefined for those of the user
  // The example inputs, one per input of the user; nullopt when the file has none. Numbers are tensors of rank 0.
  std::optional<std::vector<at::Tensor>> samples;
};

// Throws nnef::IoError, nnef::FormatError with the record's name, and Unsupported for what is whole but not read.
std::shared_ptr<const LoadedProgram> load_program(const std::filesystem::path& path);

// libtorch's dtype for the file's number. Throws Unsupported with the name of one that it does not have.
at::ScalarType dtype_of(std::int64_t number);

}  // namespace torch2nnef
