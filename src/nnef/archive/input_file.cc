#include "nnef/archive/input_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "nnef/archive/output_file.h"

namespace nnef {

FileReader::FileReader(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw_io_error("read", path_, errno);
}

FileReader::~FileReader() { close(descriptor_); }

std::size_t FileReader::read(void* bytes, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::read(descriptor_, static_cast<char*>(bytes) + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io_error("read", path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace nnef
