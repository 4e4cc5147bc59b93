// The archive between writing and the end of the check.

#include <stdlib.h>

#include "export/export_model.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;

fs::path make_folder(const fs::path& beside, const std::string& name) {
  std::string pattern = (beside / ("." + name + ".XXXXXX")).string();
  if (!mkdtemp(pattern.data())) {
    throw nnef::IoError("nothing can be written in '" + beside.string() + "': " + std::generic_category().message(errno));
  }
  return pattern;
}

bool is_replaceable(const fs::path& folder) { return fs::is_empty(folder) || fs::exists(folder / "graph.nnef"); }

}  // namespace

PendingArchive::PendingArchive(const fs::path& output, bool discard) : output_(output), discard_(discard) {
  fs::path target = output.has_filename() ? output : output.parent_path();   // "folder/" is "folder"
  output_ = target;
  std::error_code error;
  if (fs::is_directory(target, error) && !is_replaceable(target)) {
    throw nnef::IoError("'" + target.string() + "' is a folder that holds something else than an NNEF archive");
  }
  fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  folder_ = make_folder(discard ? fs::temp_directory_path() : parent, target.filename().string());
  path_ = folder_ / target.filename();
}

PendingArchive::~PendingArchive() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

void PendingArchive::commit() {
  if (discard_) return;
  std::error_code error;
  if (fs::is_directory(output_, error)) fs::rename(output_, folder_ / "replaced", error);
  fs::rename(path_, output_, error);
  if (error) {
    std::error_code ignored;
    if (fs::exists(folder_ / "replaced", ignored)) fs::rename(folder_ / "replaced", output_, ignored);
    throw nnef::IoError("'" + output_.string() + "' cannot be written: " + error.message());
  }
}

}  // namespace torch2nnef
