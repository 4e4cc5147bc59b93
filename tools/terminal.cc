#include "terminal.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "nnef/text/printable.h"

namespace torch2nnef::cli {
namespace {

bool write(std::FILE* stream, const std::string& text) {
  const std::string shown = nnef::printable(text);
  return std::fwrite(shown.data(), 1, shown.size(), stream) == shown.size() && std::fflush(stream) == 0;
}

}  // namespace

void print(const std::string& text) {
  if (!write(stdout, text)) {
    throw PrintError(fmt::format("the standard output cannot be written: {}", std::strerror(errno)));
  }
}

void complain(const std::string& text) { static_cast<void>(write(stderr, text)); }

}  // namespace torch2nnef::cli
