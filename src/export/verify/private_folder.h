// A temporary folder that nobody else can read, removed with everything in it at the end of the scope.
#pragma once

#include <filesystem>

namespace torch2nnef {

class PrivateFolder {
 public:
  PrivateFolder();                   // throws std::system_error
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace torch2nnef
