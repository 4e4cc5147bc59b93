// Running the command on a model, and its archive in tract.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/compare.h"
#include "export/verify/subprocess.h"
#include "export/verify/tract_engine.h"
#include "nnef/io.h"

namespace torch2nnef_test {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;
using Arguments = std::vector<std::string>;

constexpr double kTimeoutSeconds = 120;

inline ProcessResult export_model(const fs::path& model, const fs::path& output, const Arguments& more) {
  Arguments command = {TORCH2NNEF, model, "-o", output};
  command.insert(command.end(), more.begin(), more.end());
  return torch2nnef::run_process(command, kTimeoutSeconds);
}

inline const torch2nnef::Engine& engine() {
  static const std::optional<torch2nnef::Engine> found = torch2nnef::find_engine({});
  if (!found) throw std::runtime_error("there is no tract: tools/get-tract fetches it");
  return *found;
}

// What differs between the archive's results in tract and `expected`, "" for nothing.
inline std::string difference_in_tract(const fs::path& archive, const std::vector<nnef::NamedTensor>& inputs,
                                       const std::vector<nnef::NamedTensor>& expected) {
  const torch2nnef::EngineRun run = torch2nnef::run_engine(engine(), archive, inputs, kTimeoutSeconds);
  if (!run.ran) return run.message;
  std::string problems;
  for (const auto& output : torch2nnef::compare_outputs(expected, run.outputs, torch2nnef::Tolerance::kApproximate)) {
    if (!output.agrees) problems += fmt::format("{}: {}\n", output.name, output.detail);
  }
  return problems;
}

}  // namespace torch2nnef_test
