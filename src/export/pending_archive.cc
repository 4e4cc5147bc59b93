// The archive between writing and the end of the check.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/export_model.h"
#include "export/verify/subprocess.h"
#include "nnef/archive/folder_kind.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;

// ".NAME." and six letters, as mkdtemp makes them.
std::string hidden_prefix(const std::string& name) { return "." + name + "."; }

bool is_hidden_folder(const fs::directory_entry& entry, const std::string& prefix) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  return name.starts_with(prefix) && name.size() == prefix.size() + 6 && entry.is_directory(error) &&
         !entry.is_symlink(error);
}

// A lock that ends with the process, so that others see whether the folder is still in use; -1 when somebody has it.
int lock_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  const int why = errno;
  if (descriptor >= 0) close(descriptor);
  errno = why;
  return -1;
}

// Folders of exports of the same name that were killed.
void remove_abandoned(const fs::path& beside, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(beside, ignored)) {
    if (!is_hidden_folder(entry, prefix)) continue;
    const int lock = lock_folder(entry.path());
    if (lock < 0) continue;
    fs::remove_all(entry.path(), ignored);
    close(lock);
  }
}

// Makes a locked folder; another process may take it for abandoned just before it is locked, then again.
fs::path make_folder(const fs::path& beside, const std::string& name, int& lock) {
  const std::string prefix = hidden_prefix(name);
  remove_abandoned(beside, prefix);
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::string pattern = (beside / (prefix + "XXXXXX")).string();
    if (!mkdtemp(pattern.data())) break;
    errno = 0;
    lock = lock_folder(pattern);
    if (lock < 0 && errno == EWOULDBLOCK) continue;
    struct stat facts {};
    if (stat(pattern.c_str(), &facts) == 0) return pattern;  // without a lock where the file system has none
    if (lock >= 0) close(lock);
    lock = -1;
    errno = EBUSY;
  }
  throw nnef::IoError("nothing can be written in '" + beside.string() + "': " + std::generic_category().message(errno));
}

// What is replaced is removed: only archives are.
void check_replaceable(const fs::path& folder) {
  if (nnef::folder_kind(folder) != nnef::FolderKind::kOther) return;
  throw ExportError(ExportError::Kind::kUsage,
                    {Severity::kError,
                     "T2N-W001",
                     "",
                     {},
                     "'" + folder.string() + "' is a folder that holds something else than an NNEF archive",
                     "write to a folder that is new or empty"});
}

}  // namespace

PendingArchive::PendingArchive(const fs::path& output, bool discard) : output_(output), discard_(discard) {
  fs::path target = output.has_filename() ? output : output.parent_path();  // "folder/" is "folder"
  output_ = target;
  if (nnef::container_of(target) == nnef::Container::kFolder) check_replaceable(target);
  fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  folder_.emplace(make_folder(discard ? temporary_place() : parent, target.filename().string(), lock_));
  path_ = folder_->path() / target.filename();
}

PendingArchive::~PendingArchive() {
  folder_.reset();
  if (lock_ >= 0) close(lock_);
}

// What goes wrong is said of the output, not of the hidden place.
void PendingArchive::told_of_output(const std::function<void()>& work) const {
  try {
    work();
  } catch (const nnef::IoError& error) {
    std::string message = error.what();
    const std::size_t hidden = message.find(folder_->path().filename().string());  // in a path between quotes
    if (hidden != std::string::npos) {
      const std::size_t begin = message.rfind('\'', hidden) + 1;
      message.replace(begin, message.find('\'', hidden) - begin, output_.string());
    }
    throw nnef::IoError(message);
  }
}

// The disk works while the archive is read back and checked.
nnef::Written PendingArchive::write(const nnef::Graph& graph, const nnef::Dialect& dialect,
                                    nnef::WriteOptions options) {
  options.sync = false;
  nnef::Written written;
  told_of_output([&] { written = nnef::write_archive(graph, dialect, path_, options); });
  return written;
}

void PendingArchive::commit() {
  if (discard_) return;
  told_of_output([&] { nnef::sync_archive(path_); });
  std::error_code error;
  if (fs::is_directory(output_, error)) {
    check_replaceable(output_);  // once more: the export took its time
    // At once where the file system can, so that there is an archive at every moment.
    if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, output_.c_str(), RENAME_EXCHANGE) == 0) return;
    fs::rename(output_, folder_->path() / "replaced", error);
  }
  fs::rename(path_, output_, error);
  if (error) {
    std::error_code ignored;
    const fs::path replaced = folder_->path() / "replaced";
    if (fs::exists(replaced, ignored)) fs::rename(replaced, output_, ignored);
    throw nnef::IoError("'" + output_.string() + "' cannot be written: " + error.message());
  }
}

void remove_unfinished_outputs() {
  end_processes();
  remove_unfinished_folders();
}

}  // namespace torch2nnef
