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
// run then. No further one can be made. From any thread; not from a signal handler.
void remove_unfinished_folders();

// From now on each folder is written to the descriptor when it is made and when it is removed: "+PATH" and "-PATH",
// with a zero byte behind it. For a process that outlives this one and removes what is left.
void announce_unfinished_folders(int descriptor);

// Where temporary folders are made: $TMPDIR, else /tmp. Throws nnef::IoError when there is no such folder.
std::filesystem::path temporary_place();

// A temporary folder that nobody else can read.
class PrivateFolder {
 public:
  PrivateFolder();  // throws nnef::IoError
  const std::filesystem::path& path() const { return remover_.path(); }

 private:
  FolderRemover remover_;
};

}  // namespace torch2nnef
