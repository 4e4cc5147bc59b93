// Walks the files of an archive, whatever its container. Internal to the readers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace nnef {

// A file of an archive while the walk stands at it.
struct ArchiveFile {
  std::string name;        // path inside the archive, checked: relative, no "..", no hidden component
  std::uint64_t size = 0;  // as the container says
  // Up to `count` bytes; fewer only at the end.
  std::function<std::size_t(void* bytes, std::size_t count)> read;
};

// Calls `visit` for each file, in the container's order. Folders and hidden files are passed over, as the engine does.
// Throws FormatError for links, devices, names that leave the archive or occur twice; IoError when it cannot be opened.
void walk_archive(const std::filesystem::path& path, const std::function<void(ArchiveFile&)>& visit);

}  // namespace nnef
