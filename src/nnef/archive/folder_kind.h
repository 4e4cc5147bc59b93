// What stands in a folder that an archive is to be written to. Nobody's other files are replaced.
#pragma once

#include <filesystem>

namespace nnef {

enum class FolderKind {
  kNone,     // there is no folder
  kEmpty,    // or one without anything in it
  kOwn,      // an archive that torch2nnef wrote, and nothing else
  kArchive,  // graph.nnef, graph.quant and tensor files, and nothing else
  kOther,    // anything else, links among it, or what cannot be listed
};
FolderKind folder_kind(const std::filesystem::path& folder);

}  // namespace nnef
