// Tables of the user: files of rows.

#include <fstream>
#include <sstream>

#include "export/export_model.h"
#include "export/ops/row.h"

namespace torch2nnef {

std::vector<Registry> read_fragment_files(const std::vector<std::filesystem::path>& files) {
  std::vector<Registry> tables;
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    try {
      if (!file) throw std::runtime_error("'" + path.string() + "' cannot be read");
      register_rows(tables.emplace_back(), text.str(), path.filename().string());
    } catch (const std::exception& error) {
      throw ExportError(ExportError::Kind::kUsage,
                        {Severity::kError, "T2N-O001", "", {}, std::string("--fragments: ") + error.what(), ""});
    }
  }
  return tables;
}

}  // namespace torch2nnef
