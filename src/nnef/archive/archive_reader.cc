#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "nnef/archive/archive_stream.h"
#include "nnef/archive/archive_walk.h"
#include "nnef/archive/input_file.h"
#include "nnef/archive/output_file.h"
#include "nnef/io.h"

namespace nnef {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kReadStep = std::size_t{1} << 20;

// The name as the engine sees it, "" for what it passes over.
std::string clean_name(const fs::path& archive, std::string name) {
  const std::string shown = archive.string() + ": entry '" + name + "'";
  while (name.starts_with("./")) name.erase(0, 2);
  if (name.starts_with('/') || name.find('\\') != std::string::npos) throw FormatError(shown + " leaves the archive");
  bool hidden = false;
  for (const fs::path& part : fs::path(name)) {
    if (part == "..") throw FormatError(shown + " leaves the archive");
    hidden = hidden || part.string().starts_with('.');
  }
  if (name.find("//") != std::string::npos || name.ends_with('/')) throw FormatError(shown + " has no proper name");
  return hidden ? "" : name;
}

void walk_folder(const fs::path& folder, const std::function<void(ArchiveFile&)>& visit) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (auto at = fs::recursive_directory_iterator(folder, error); !error && at != fs::end(at); at.increment(error)) {
    const fs::file_type type = at->symlink_status(error).type();
    if (error) break;
    const bool hidden = at->path().filename().string().starts_with('.');
    if (hidden && type == fs::file_type::directory) at.disable_recursion_pending();
    if (hidden || type == fs::file_type::directory) continue;
    if (type != fs::file_type::regular) throw FormatError(at->path().string() + " is a link or a device, not a file");
    paths.push_back(at->path());
  }
  if (error) throw_io_error("read", folder, error.value());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    FileReader reader(path);
    ArchiveFile file{
        clean_name(folder, path.lexically_relative(folder).generic_string()), fs::file_size(path, error), {}};
    file.read = [&](void* bytes, std::size_t count) { return reader.read(bytes, count); };
    visit(file);
  }
}

void walk_tar(const fs::path& path, const std::function<void(ArchiveFile&)>& visit) {
  ArchiveSource source(path);
  std::set<std::string> names;
  while (source.next()) {
    if (source.is_folder()) continue;
    const std::string name = clean_name(path, source.name());
    if (!source.is_file())
      throw FormatError(path.string() + ": entry '" + source.name() + "' is a link or a device, not a file");
    if (name.empty()) continue;
    if (!names.insert(name).second)
      throw FormatError(path.string() + ": entry '" + name + "' stands twice in the archive");
    ArchiveFile file{name, source.size(), [&](void* bytes, std::size_t count) { return source.read(bytes, count); }};
    visit(file);
  }
}

}  // namespace

void walk_archive(const fs::path& path, const std::function<void(ArchiveFile&)>& visit) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw_io_error("read", path, error ? error.value() : ENOENT);
  if (fs::is_directory(status)) {
    walk_folder(path, visit);
  } else if (fs::is_regular_file(status)) {
    walk_tar(path, visit);
  } else {
    throw IoError("cannot read '" + path.string() + "': it is neither a file nor a folder");
  }
}

std::map<std::string, std::vector<std::byte>> read_files(const fs::path& path, const ReadLimits& limits) {
  std::map<std::string, std::vector<std::byte>> files;
  std::uint64_t total = 0;
  walk_archive(path, [&](ArchiveFile& file) {
    const std::string shown = path.string() + ": '" + file.name + "'";
    std::vector<std::byte> bytes;
    // Sizes are believed only as far as data follow.
    while (true) {
      const std::size_t at = bytes.size();
      const std::uint64_t left = file.size > at ? file.size - at : 1;
      bytes.resize(at + std::min<std::uint64_t>(left, std::max(kReadStep, at)));
      const std::size_t got = file.read(&bytes[at], bytes.size() - at);
      total += got;
      if (total > limits.total_bytes) {
        throw FormatError(shown + ": the archive holds more than " + std::to_string(limits.total_bytes) + " bytes");
      }
      if (at + got < bytes.size()) {
        bytes.resize(at + got);
        break;
      }
    }
    if (bytes.size() < file.size) throw FormatError(shown + " is cut short");
    files.emplace(file.name, std::move(bytes));
  });
  return files;
}

Graph read_archive(const fs::path& path, const Dialect& dialect, const ReadLimits& limits) {
  auto files = read_files(path, limits);
  const auto text = [&](const char* name) {
    const auto found = files.find(name);
    if (found == files.end()) return std::string_view();
    return std::string_view(reinterpret_cast<const char*>(found->second.data()), found->second.size());
  };
  if (files.count("graph.nnef") == 0) throw FormatError(path.string() + ": there is no graph.nnef");
  std::map<std::string, TensorDataPtr> variables;
  for (auto& [name, bytes] : files) {
    if (!name.ends_with(".dat")) continue;
    variables.emplace(name.substr(0, name.size() - 4),
                      read_tensor(bytes.data(), bytes.size(), path.string() + "/" + name));
    std::vector<std::byte>().swap(bytes);  // it lives in the tensor now
  }
  return read_text(text("graph.nnef"), text("graph.quant"), path.string() + "/graph.nnef", dialect, variables);
}

}  // namespace nnef
