#include "export/verify/private_folder.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;

// Never destroyed: a thread may come here while the process exits.
struct Unfinished {
  std::mutex mutex;
  std::multiset<fs::path> folders;
  bool is_ended = false;
  int announced_to = -1;
};
Unfinished& unfinished() {
  static Unfinished* const all = new Unfinished;
  return *all;
}

void announce(char sign, const fs::path& folder) {
  if (unfinished().announced_to < 0) return;
  std::error_code error;
  const std::string line = sign + fs::absolute(folder, error).string() + '\0';
  static_cast<void>(!write(unfinished().announced_to, line.data(), line.size()));
}

fs::path make_private_folder() {
  std::string name = (temporary_place() / "torch2nnef-XXXXXX").string();
  if (!mkdtemp(name.data())) {
    throw nnef::IoError("no temporary folder can be made: '" + name + "': " + std::generic_category().message(errno));
  }
  return name;
}

}  // namespace

fs::path temporary_place() {
  const char* const variable = std::getenv("TMPDIR");
  const fs::path place = variable && *variable ? variable : "/tmp";
  std::error_code error;
  if (fs::is_directory(place, error)) return place;
  throw nnef::IoError("'" + place.string() + "' ($TMPDIR) is not a folder that temporary files can be written to" +
                      (error ? ": " + error.message() : ""));
}

FolderRemover::FolderRemover(fs::path folder) : folder_(std::move(folder)) {
  const std::lock_guard lock(unfinished().mutex);
  if (unfinished().is_ended) {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    throw nnef::IoError("the program is being ended");
  }
  unfinished().folders.insert(folder_);
  announce('+', folder_);
}

FolderRemover::~FolderRemover() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  const std::lock_guard lock(unfinished().mutex);
  unfinished().folders.erase(unfinished().folders.find(folder_));
  announce('-', folder_);
}

void remove_unfinished_folders() {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().is_ended = true;
  std::error_code ignored;
  for (const fs::path& folder : unfinished().folders) fs::remove_all(folder, ignored);
}

void announce_unfinished_folders(int descriptor) {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().announced_to = descriptor;
}

PrivateFolder::PrivateFolder() : remover_(make_private_folder()) {}

}  // namespace torch2nnef
