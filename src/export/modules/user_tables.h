// The user's own lowerings: plugins and fragment files.
#pragma once

#include <filesystem>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// The tables of an export. Plugins stay loaded until the process ends. Throws ExportError (usage): T2N-P003 for a
// plugin that cannot be loaded or was made for another torch2nnef, torch or compiler, T2N-O001 for a file that is no
// table.
Tables user_tables(const std::vector<std::filesystem::path>& plugins,
                   const std::vector<std::filesystem::path>& fragment_files);

}  // namespace torch2nnef
