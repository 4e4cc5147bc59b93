// Says what a file is that somebody gives as a model.
#pragma once

#include <filesystem>
#include <string>

namespace torch2nnef {

struct FileKind {
  bool is_torchscript = false;
  bool is_program = false;  // of torch.export
  std::string what;         // "a state_dict: weights without a model", for other files
  std::string advice;       // what to do
};

// Throws ExportError unless the file is a model of one of those kinds.
FileKind kind_of_model(const std::filesystem::path& path);

// Looks at the first bytes and, in a zip file, at the names. Never throws for a file that can be opened.
FileKind file_kind(const std::filesystem::path& path);

}  // namespace torch2nnef
