#include "nnef/archive/folder_kind.h"

#include <fstream>
#include <string>
#include <system_error>

namespace nnef {
namespace {

namespace fs = std::filesystem;

bool is_of_archive(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "graph.nnef" || name == "graph.quant" || path.extension() == ".dat";
}

// The archive's properties, which are at its beginning, name the tool.
bool is_own_text(const fs::path& text) {
  constexpr std::size_t kBeginning = 1 << 16;
  std::string begin(kBeginning, '\0');
  std::ifstream file(text, std::ios::binary);
  file.read(begin.data(), kBeginning);
  begin.resize(static_cast<std::size_t>(file.gcount()));
  return begin.find("(\"tool\", \"torch2nnef ") != std::string::npos;
}

}  // namespace

FolderKind folder_kind(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) return FolderKind::kNone;
  if (!fs::is_directory(status)) return FolderKind::kOther;
  bool is_empty = true;
  for (auto at = fs::recursive_directory_iterator(folder, error); !error && at != fs::end(at); at.increment(error)) {
    is_empty = false;
    const fs::file_type type = at->symlink_status(error).type();
    if (error) break;
    const bool fits = type == fs::file_type::directory || (type == fs::file_type::regular && is_of_archive(at->path()));
    if (!fits) return FolderKind::kOther;
  }
  if (error) return FolderKind::kOther;
  if (is_empty) return FolderKind::kEmpty;
  const fs::path text = folder / "graph.nnef";
  if (!fs::is_regular_file(text, error)) return FolderKind::kOther;
  return is_own_text(text) ? FolderKind::kOwn : FolderKind::kArchive;
}

}  // namespace nnef
