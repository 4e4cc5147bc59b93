#include "nnef/archive/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string>

#include "nnef/graph.h"
#include "nnef/io.h"

namespace nnef {
namespace {

// The ends of all mappings by their begins.
struct Mappings {
  std::mutex mutex;
  std::map<std::uintptr_t, std::uintptr_t> ends;
};

Mappings& mappings() {
  static Mappings* const all = new Mappings;  // outlives what else is static
  return *all;
}

std::uintptr_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    const std::string why = std::strerror(errno);
    if (descriptor >= 0) ::close(descriptor);
    throw IoError(path.string() + " cannot be read: " + why);
  }
  size_ = static_cast<std::size_t>(status.st_size);
  // Private: a program may write into its constants, which must not reach the file.
  void* begin = size_ == 0 ? MAP_FAILED
                           : ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  const std::string why = std::strerror(errno);
  ::close(descriptor);
  if (begin == MAP_FAILED) throw IoError(path.string() + " cannot be mapped into memory: " + why);
  begin_ = static_cast<char*>(begin);
  const std::lock_guard lock(mappings().mutex);
  mappings().ends[address(begin_)] = address(begin_) + size_;
}

MappedFile::~MappedFile() {
  {
    const std::lock_guard lock(mappings().mutex);
    mappings().ends.erase(address(begin_));
  }
  ::munmap(begin_, size_);
}

void MappedFile::release(const void* begin, std::size_t size) {
#ifdef MADV_PAGEOUT
  const std::lock_guard lock(mappings().mutex);
  const auto after = mappings().ends.upper_bound(address(begin));
  if (after == mappings().ends.begin() || address(begin) + size > std::prev(after)->second) return;
  // Whole pages. What was written there is kept: only what the file still has is dropped.
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = (address(begin) + page - 1) / page * page, to = (address(begin) + size) / page * page;
  if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_PAGEOUT);
#else
  static_cast<void>(begin);
  static_cast<void>(size);
#endif
}

void release(const TensorData& tensor) {
  tensor.stream([](const void* begin, std::size_t size) { MappedFile::release(begin, size); });
}

}  // namespace nnef
