// A gzip stream, or a plain file, read from front to back. Internal to the archive reader.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "nnef/archive/input_file.h"

namespace nnef {

// As zlib's gzread() does, members that follow each other are one stream, and what stands behind them and is none is
// passed over. Unlike it, sums are taken by libdeflate, several
// times as fast: at level 0 they are the larger part of the work.
class GzipReader {
 public:
  // Throws IoError when the file cannot be read.
  explicit GzipReader(const std::filesystem::path& path);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Up to `count` bytes; fewer only at the end. Throws FormatError when the stream is damaged or cut short.
  std::size_t read(void* bytes, std::size_t count);

 private:
  enum class At { kStart, kPlain, kMember, kBetween, kEnd };
  bool refill();
  bool stands_at_member();
  std::size_t read_plain(unsigned char* bytes, std::size_t count);
  void inflate_more();
  void check_trailer();

  FileReader file_;
  std::vector<unsigned char> block_;  // of the file; a few bytes before the stream's next one are kept
  z_stream stream_{};
  At at_ = At::kStart;
  std::uint32_t sum_ = 0, length_ = 0;  // of the member so far, modulo 2^32
};

}  // namespace nnef
