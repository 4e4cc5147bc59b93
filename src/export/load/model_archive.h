// A TorchScript archive, checked before libtorch reads it. libtorch believes what a file says: it takes no sums, reads
// beyond a record that is too short, and parses by recursion. No torch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "export/load/pickle_scan.h"
#include "nnef/archive/zip_reader.h"

namespace torch2nnef {

class ModelArchive {
 public:
  // Opens the file and checks its directory. Throws nnef::IoError and nnef::FormatError, as all members do.
  explicit ModelArchive(const std::filesystem::path& path);

  // Checks all that libtorch will read: sums, pickles, that each tensor is inside of its record, and the depth of the
  // sources. What the model does without (line numbers, sizes it was traced with) is hidden instead when it is damaged.
  void check();

  bool has(std::string_view record) const { return find(record) != nullptr; }
  // The file as libtorch shall see it: records that are hidden have another name.
  std::uint64_t size() const { return zip_.size(); }
  void read_at(std::uint64_t offset, void* bytes, std::size_t count) const;

 private:
  // Of the records that pickles speak of: how many bytes they need, and whether those are bools.
  struct Need {
    std::uint64_t bytes = 0;
    bool is_bool = false;
  };
  const nnef::ZipEntry* find(std::string_view record) const;
  std::string read(std::string_view record, std::uint64_t most) const;
  void check_pickle(const std::string& name, std::map<std::string, Need>& needs) const;
  void check_tensors(const std::map<std::string, Need>& needs) const;
  void check_sources();
  void hide(const nnef::ZipEntry& entry);

  nnef::ZipReader zip_;
  std::string folder_;              // that all records are in, with the slash
  std::set<std::uint64_t> hidden_;  // places in the file of the letters that are replaced
};

}  // namespace torch2nnef
