// Sample inputs of a program: the user's, or the file's own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "export/exported_program/guards.h"
#include "export/exported_program/loaded_program.h"
#include "export/request.h"

namespace torch2nnef {

struct ProgramSamples {
  std::vector<at::Tensor> values;  // one per input of the user
  std::string from;                // a sentence, for the report
  std::vector<at::Tensor> drawn;   // at random: the program may not accept the values
};

// In this order: --inputs, --input, the file's own, drawn at sizes that fit. `names` are the inputs' in the archive.
// Throws ExportError (usage) when they do not fit.
ProgramSamples program_samples(const LoadedProgram& loaded, const ProgramSizes& sizes,
                               const std::vector<std::string>& names, const std::filesystem::path& path,
                               const ExportOptions& options);

}  // namespace torch2nnef
