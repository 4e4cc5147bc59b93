// Files and folders that get their name only once they are whole. Internal to the writers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace nnef {

// A file that is being written. Small writes are gathered, large ones go straight to the system.
class FileWriter {
 public:
  // Creates a file that does not exist yet. Throws IoError, as all members do.
  explicit FileWriter(std::filesystem::path path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(const void* bytes, std::size_t count);
  // Everything on disk; the file is closed.
  void finish();
  // Everything on its way to the disk; the file is closed. sync_files() waits for it.
  void finish_later();
  std::uint64_t size() const { return size_; }

 private:
  void write_through(const char* bytes, std::size_t count);
  void flush();
  void close_file();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::vector<char> pending_;
};

// Waits until files are on disk: once for many is much faster than for each as it is written. Throws IoError.
void sync_files(const std::vector<std::filesystem::path>& paths);

// A place beside `target`, in the same folder and so on the same file system, named .NAME.tmp-PID. What stands there is
// removed unless commit() was called. Such leftovers of processes that died are removed when a new one is made.
class StagingPlace {
 public:
  explicit StagingPlace(const std::filesystem::path& target);
  ~StagingPlace();
  StagingPlace(const StagingPlace&) = delete;
  StagingPlace& operator=(const StagingPlace&) = delete;

  const std::filesystem::path& path() const { return staging_; }
  // Gives the finished file or folder its name, replacing what had it. The caller has made sure that it may.
  void commit();

 private:
  std::filesystem::path target_, staging_;
  bool committed_ = false;
};

// A sentence with the path and errno's text, as an IoError.
[[noreturn]] void throw_io_error(std::string_view action, const std::filesystem::path& path, int error_number);

}  // namespace nnef
