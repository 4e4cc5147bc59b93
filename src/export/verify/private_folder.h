// Folders for what is not finished: removed with everything in them at the end of the scope.
#pragma once

#include <filesystem>

namespace torch2nnef {

// Removes a folder that the caller has made.
class FolderRemover {
 public:
  explicit FolderRemover(std::filesystem::path folder);
  ~FolderRemover();
  FolderRemover(const FolderRemover&) = delete;
  FolderRemover& operator=(const FolderRemover&) = delete;
  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

// Removes the folders of every FolderRemover of this process now, for a program that a signal ends: destructors do not
// run then. From any thread; not from a signal handler.
void remove_unfinished_folders();

// A temporary folder that nobody else can read.
class PrivateFolder {
 public:
  PrivateFolder();  // throws std::system_error
  const std::filesystem::path& path() const { return remover_.path(); }

 private:
  FolderRemover remover_;
};

}  // namespace torch2nnef
