// Files that are read as memory.
#pragma once

#include <cstddef>
#include <filesystem>

namespace nnef {

class TensorData;

// A file in memory, read when it is looked at. What is written there stays in the process.
class MappedFile {
 public:
  // Throws IoError.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  char* begin() const { return begin_; }
  std::size_t size() const { return size_; }

  // Gives the pages of these bytes back to the system, which reads them again when they are needed. Nothing is lost,
  // and nothing happens where the bytes are not those of a mapped file.
  static void release(const void* begin, std::size_t size);

 private:
  char* begin_ = nullptr;
  std::size_t size_ = 0;
};

// The same for the items of a tensor, which are not needed for a while.
void release(const TensorData& tensor);

}  // namespace nnef
