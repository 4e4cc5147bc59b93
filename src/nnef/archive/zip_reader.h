// A zip file whose directory is checked against the bytes of the file before anything of it is used. Internal to the
// readers of .npz files and of TorchScript archives.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

struct ZipEntry {
  std::string name;
  bool is_stored = true;               // else deflated
  std::uint32_t sum = 0;               // CRC-32 of the contents
  std::uint64_t stored_size = 0;       // bytes in the file
  std::uint64_t size = 0;              // bytes of the contents
  std::uint64_t header = 0, data = 0;  // offsets in the file of the local header and of the data
  std::uint64_t name_at = 0;           // offset in the file of its name in the directory
};

// Entries lie inside the file and do not overlap, occur once, are neither encrypted nor of another kind of compression,
// and what they unpack to is in proportion to the size of the file. Contents are checked while they are read.
class ZipReader {
 public:
  // Throws IoError when the file cannot be read, FormatError (without the file's name) for what is wrong with it.
  explicit ZipReader(const std::filesystem::path& path);
  // Of bytes that live at least as long.
  explicit ZipReader(std::string_view bytes);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  const std::vector<ZipEntry>& entries() const { return entries_; }  // in the directory's order
  const ZipEntry* find(std::string_view name) const;                 // null when there is none
  std::uint64_t size() const { return size_; }

  // Bytes of the file itself. Throws IoError, and FormatError when the file has become shorter.
  void read_at(std::uint64_t offset, void* bytes, std::size_t count) const;
  // The contents of an entry. Throws FormatError when there are more than `most` bytes or they are damaged.
  std::string read(const ZipEntry& entry, std::uint64_t most) const;
  // The same in pieces.
  void stream(const ZipEntry& entry, const ByteSink& sink) const;

 private:
  struct Directory {
    std::uint64_t offset = 0, size = 0, entries = 0;
  };
  Directory find_directory() const;
  ZipEntry read_entry(const std::string& directory, std::uint64_t directory_at, std::size_t& at) const;
  void read_local_header(ZipEntry& entry) const;
  void read_directory();
  void check_layout(std::uint64_t directory_at) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string_view bytes_;
  std::uint64_t size_ = 0;
  std::vector<ZipEntry> entries_;
  std::map<std::string_view, std::size_t> places_;  // by name
};

// An entry from front to back.
class ZipStream {
 public:
  ZipStream(const ZipReader& file, const ZipEntry& entry);
  ~ZipStream();
  ZipStream(const ZipStream&) = delete;
  ZipStream& operator=(const ZipStream&) = delete;

  // Up to `count` bytes; fewer only at the end. With the last byte the sum is checked. Throws FormatError.
  std::size_t read(void* bytes, std::size_t count);

 private:
  std::size_t inflate_some(unsigned char* bytes, std::size_t count);

  const ZipReader& file_;
  const ZipEntry& entry_;
  std::uint64_t taken_ = 0;  // of the file
  std::uint64_t given_ = 0;  // of the contents
  std::uint32_t sum_ = 0;
  std::vector<unsigned char> block_;
  z_stream inflate_{};
};

}  // namespace nnef
