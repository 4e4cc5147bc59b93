// Containers: tar and gzipped tar files with everything in them.
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "fuzz.h"
#include "nnef/inspect/check.h"
#include "nnef/io.h"

namespace {

constexpr nnef::ReadLimits kLimits{std::uint64_t{1} << 20};

// A file that has a path but no place in the file system.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("archive", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "memory for a file");
    require(write(descriptor_, data, size) == static_cast<ssize_t>(size), "memory for the contents of a file");
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const nnef::Dialect dialect{nnef::Target{}};
  const MemoryFile file(data, size);
  bool is_read = true;
  try {
    const auto files = nnef::read_files(file.path(), kLimits);
    std::size_t total = 0;
    for (const auto& [name, bytes] : files) {
      require(!name.empty() && name.front() != '/' && name.find("..") != 0, "names stay inside the archive");
      total += bytes.size();
    }
    require(total <= kLimits.total_bytes, "the limit of bytes is kept");
  } catch (const nnef::FormatError&) {
    is_read = false;
  }
  bool is_graph = true;
  try {
    nnef::read_archive(file.path(), dialect, kLimits);
  } catch (const std::runtime_error&) {
    is_graph = false;
  }
  require(is_read || !is_graph, "a graph is in a container that can be read");
  const nnef::CheckedArchive checked = nnef::check_archive(file.path(), dialect, kLimits);
  require(is_graph || !checked.is_valid(), "what cannot be read is not valid");
  return 0;
}
