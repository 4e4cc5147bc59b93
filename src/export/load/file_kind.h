// Says what a file is that somebody gives as a model.
#pragma once

#include <filesystem>
#include <string>

namespace torch2nnef {

struct FileKind {
  bool is_torchscript = false;
  std::string what;    // "a state_dict: weights without a model", for other files
  std::string advice;  // what to do
};

// Looks at the first bytes and, in a zip file, at the names. Never throws for a file that can be opened.
FileKind file_kind(const std::filesystem::path& path);

}  // namespace torch2nnef
