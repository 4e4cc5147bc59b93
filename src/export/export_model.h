// What the entry points of export.h share.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "export/export.h"
#include "export/load/model.h"
#include "export/modules/user_tables.h"
#include "export/verify/private_folder.h"
#include "nnef/io.h"

namespace torch2nnef {

// The steps after loading. Throws ExportError, and then there is no output.
ExportReport export_loaded(const Model& model, const Tables& tables, const std::filesystem::path& output,
                           const ExportOptions& options, double load_seconds);

// The place where an archive is written before the check has agreed: beside the output, under a hidden name; removed
// unless committed. What a killed export left there is removed by the next one of the same name. A folder is replaced
// when it is empty or holds an archive and nothing else.
class PendingArchive {
 public:
  PendingArchive(const std::filesystem::path& output, bool discard);
  ~PendingArchive();
  PendingArchive(const PendingArchive&) = delete;
  PendingArchive& operator=(const PendingArchive&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // Writes the archive at path(), not waiting for the disk. An IoError speaks of the output, not of the hidden name.
  nnef::Written write(const nnef::Graph& graph, const nnef::Dialect& dialect, nnef::WriteOptions options);
  // Waits until the archive is on disk and gives it its name; removes it in a dry run. Throws nnef::IoError.
  void commit();

 private:
  void told_of_output(const std::function<void()>& work) const;

  std::filesystem::path output_, path_;
  std::optional<FolderRemover> folder_;
  bool discard_;
  int lock_ = -1;
};

}  // namespace torch2nnef
