// The archive writer's gzip by itself, for a comparison with pigz on equal work:
//
//   gzip_file LEVEL FILE OUT
#include <fmt/format.h>

#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "nnef/archive/gzip_writer.h"

namespace {

void pack(int level, const char* from, const char* to) {
  std::ifstream input(from, std::ios::binary);
  std::ofstream output(to, std::ios::binary);
  nnef::GzipWriter writer(level, [&](const void* bytes, std::size_t count) {
    output.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  });
  std::vector<char> piece(std::size_t{1} << 18);
  while (input.read(piece.data(), static_cast<std::streamsize>(piece.size())) || input.gcount() > 0) {
    writer.write(piece.data(), static_cast<std::size_t>(input.gcount()));
  }
  writer.finish();
  output.close();
  if (!input.eof() || !output) throw std::runtime_error("a file cannot be read or written");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) {
      fmt::print(stderr, "usage: gzip_file LEVEL FILE OUT\n");
      return 2;
    }
    pack(std::stoi(argv[1]), argv[2], argv[3]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gzip_file: {}\n", error.what());
    return 1;
  }
}
