#include "nnef/archive/output_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "nnef/io.h"

namespace nnef {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 18;

// ".NAME.tmp-PID", or ".NAME.tmp-PID-N" when one process writes the same place twice at once.
std::string staging_prefix(const fs::path& target) { return "." + target.filename().string() + ".tmp-"; }

void remove_stale(const fs::path& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int pid = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, pid);
    const bool ours = parsed.ec == std::errc{} && (parsed.ptr == end || *parsed.ptr == '-') && pid > 0;
    if (ours && kill(pid, 0) != 0 && errno == ESRCH) fs::remove_all(entry.path(), ignored);
  }
}

void sync_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // the data is safe; only the moment of the rename is not
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

namespace {

// File systems that cannot sync say so with EINVAL or EROFS; nothing is lost there.
void sync_or_throw(int descriptor, const fs::path& path) {
  if (fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS) throw_io_error("write", path, errno);
}

}  // namespace

void throw_io_error(std::string_view action, const fs::path& path, int error_number) {
  throw IoError("cannot " + std::string(action) + " '" + path.string() +
                "': " + std::generic_category().message(error_number));
}

FileWriter::FileWriter(fs::path path) : path_(std::move(path)) {
  pending_.reserve(kBufferSize);
  descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_io_error("create", path_, errno);
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

void FileWriter::write_through(const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, bytes, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_io_error("write", path_, errno);
    }
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

void FileWriter::flush() {
  write_through(pending_.data(), pending_.size());
  pending_.clear();
}

void FileWriter::write(const void* bytes, std::size_t count) {
  const char* const begin = static_cast<const char*>(bytes);
  size_ += count;
  if (pending_.size() + count > kBufferSize) flush();
  if (count >= kBufferSize) {
    write_through(begin, count);
  } else {
    pending_.insert(pending_.end(), begin, begin + count);
  }
}

void FileWriter::close_file() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (close(descriptor) != 0) throw_io_error("write", path_, errno);
}

void FileWriter::finish() {
  flush();
  sync_or_throw(descriptor_, path_);
  close_file();
}

void FileWriter::finish_later() {
  flush();
  sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: what it cannot do is left to sync_files()
  close_file();
}

void sync_files(const std::vector<fs::path>& paths) {
  for (const fs::path& path : paths) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw_io_error("write", path, errno);
    try {
      sync_or_throw(descriptor, path);
    } catch (...) {
      close(descriptor);
      throw;
    }
    close(descriptor);
  }
}

StagingPlace::StagingPlace(const fs::path& target) : target_(target.lexically_normal()) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "folder/"
  const fs::path name = target_.filename();
  if (name.empty() || name == "." || name == "..")
    throw IoError("cannot write '" + target.string() + "': it has no name");
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  std::error_code error;
  if (!fs::is_directory(folder, error)) throw_io_error("write into", folder, error ? error.value() : ENOTDIR);
  const std::string prefix = staging_prefix(target_);
  remove_stale(folder, prefix);
  const std::string own = prefix + std::to_string(getpid());
  staging_ = folder / own;
  for (int i = 1; fs::exists(fs::symlink_status(staging_, error)); ++i)
    staging_ = folder / (own + "-" + std::to_string(i));
}

StagingPlace::~StagingPlace() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void StagingPlace::commit() {
  // A folder with files in it can only be replaced at once by exchanging the two; the old one is then removed.
  bool done = renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0;
  if (!done && errno == EEXIST && fs::is_directory(target_)) {
    done = renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0;
    if (done) {
      std::error_code ignored;
      fs::remove_all(staging_, ignored);
    }
  }
  if (!done && rename(staging_.c_str(), target_.c_str()) != 0) throw_io_error("replace", target_, errno);
  committed_ = true;
  sync_folder(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

}  // namespace nnef
