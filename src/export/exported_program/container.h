// The file of an exported program: a zip of records, mapped into memory. Two families: that of torch 2.6 and 2.7, and
// the archives of 2.8 and later.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "nnef/archive/mapped_file.h"
#include "nnef/archive/zip_reader.h"

namespace torch2nnef {

class ProgramFile {
 public:
  // Checks the directory, the sums of all records, the family and the byte order. Throws nnef::IoError, and
  // nnef::FormatError with the record's name.
  explicit ProgramFile(const std::filesystem::path& path);

  // Of torch 2.6 and 2.7.
  bool is_legacy() const { return is_legacy_; }
  bool has(const std::string& record) const { return records_.count(record) > 0; }
  // The bytes of a record, named without the archive's folder. Throws nnef::FormatError when there is none.
  std::string_view record(const std::string& name) const;
  // Names of records that begin so.
  std::vector<std::string> names(const std::string& prefix) const;
  // What keeps the bytes alive.
  const std::shared_ptr<const nnef::MappedFile>& memory() const { return memory_; }

 private:
  std::shared_ptr<const nnef::MappedFile> memory_;
  std::map<std::string, std::string_view> records_;
  bool is_legacy_ = false;
};

}  // namespace torch2nnef
