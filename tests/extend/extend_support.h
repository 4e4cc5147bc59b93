// Running the command on the models of this folder, and its archives in tract.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
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

inline std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline bool is_result(const nnef::NamedTensor& tensor) { return tensor.name.starts_with("output"); }

// The tensors of a file that are inputs, and those that are results.
inline std::vector<nnef::NamedTensor> tensors_of(const fs::path& file, bool results) {
  std::vector<nnef::NamedTensor> tensors = nnef::read_npz(file);
  std::erase_if(tensors, [&](const nnef::NamedTensor& one) { return is_result(one) != results; });
  return tensors;
}

}  // namespace torch2nnef_test
