// Running the command on the models of this folder, and its archives in tract.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "in_tract.h"

namespace torch2nnef_test {

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
