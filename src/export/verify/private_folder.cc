#include "export/verify/private_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace torch2nnef {
namespace {

// Never destroyed: a thread may come here while the process exits.
struct Unfinished {
  std::mutex mutex;
  std::multiset<std::filesystem::path> folders;
};
Unfinished& unfinished() {
  static Unfinished* const all = new Unfinished;
  return *all;
}

std::filesystem::path make_private_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "torch2nnef-XXXXXX").string();
  if (!mkdtemp(name.data())) {
    throw std::system_error(errno, std::generic_category(), "no temporary folder can be made: " + name);
  }
  return name;
}

}  // namespace

FolderRemover::FolderRemover(std::filesystem::path folder) : folder_(std::move(folder)) {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().folders.insert(folder_);
}

FolderRemover::~FolderRemover() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  const std::lock_guard lock(unfinished().mutex);
  unfinished().folders.erase(unfinished().folders.find(folder_));
}

void remove_unfinished_folders() {
  const std::lock_guard lock(unfinished().mutex);
  std::error_code ignored;
  for (const std::filesystem::path& folder : unfinished().folders) std::filesystem::remove_all(folder, ignored);
}

PrivateFolder::PrivateFolder() : remover_(make_private_folder()) {}

}  // namespace torch2nnef
