// libarchive with C++ manners: errors are exceptions, handles own what they hold. Internal to the containers.
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "nnef/graph.h"

struct archive;
struct archive_entry;

namespace nnef {

// Writes a container to a sink. Entries have zero times and owners and mode 0644.
class ArchiveSink {
 public:
  enum class Format { kTar, kZip };  // zip entries are stored, not compressed
  ArchiveSink(Format format, ByteSink sink);

  // `stream` gives its sink exactly `size` bytes. What it or the container's sink throws passes through.
  void add(const std::string& name, std::uint64_t size, const std::function<void(const ByteSink&)>& stream);
  void close();

 private:
  struct Free {
    void operator()(archive* handle) const;
  };
  static std::ptrdiff_t receive(archive* handle, void* self, const void* bytes, std::size_t count);
  void check(std::ptrdiff_t status);

  ByteSink sink_;
  std::exception_ptr error_;  // thrown by the sink, kept while libarchive's C frames are left
  std::unique_ptr<archive, Free> handle_;
};

// Reads a container from a file, entry after entry. All failures are FormatErrors, or IoError when the file cannot be
// opened.
class ArchiveSource {
 public:
  explicit ArchiveSource(const std::filesystem::path& path);  // tar, gzipped or not
  ~ArchiveSource();

  // False at the end.
  bool next();
  const std::string& name() const { return name_; }
  bool is_file() const { return is_file_; }
  bool is_folder() const { return is_folder_; }
  std::uint64_t size() const { return size_; }  // as the container says; 0 when it does not
  // Up to `count` bytes of the entry; fewer only at its end.
  std::size_t read(void* bytes, std::size_t count);

 private:
  struct Free {
    void operator()(archive* handle) const;
  };
  struct Gzip;
  static std::ptrdiff_t refill(archive* handle, void* self, const void** block);
  void drain();
  [[noreturn]] void fail();

  std::filesystem::path path_;
  std::unique_ptr<Gzip> gzip_;
  std::unique_ptr<archive, Free> handle_;
  std::string name_;
  bool is_file_ = false, is_folder_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t most_ = UINT64_MAX;  // that all of the file can unpack to
};

}  // namespace nnef
