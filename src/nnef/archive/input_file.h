// A file read from front to back. Internal to the readers.
#pragma once

#include <cstdint>
#include <filesystem>

namespace nnef {

class FileReader {
 public:
  // Throws IoError, as all members do.
  explicit FileReader(std::filesystem::path path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // Up to `count` bytes; fewer only at the end of the file.
  std::size_t read(void* bytes, std::size_t count);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace nnef
