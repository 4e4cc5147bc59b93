#include "export/exported_program/container.h"

#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr const char* kFormat = "archive_format";
constexpr const char* kLegacyProgram = "serialized_exported_program.json";

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::string(text);
}

void check_sum(const nnef::ZipReader& zip, const nnef::ZipEntry& entry) {
  try {
    zip.stream(entry, [](const void*, std::size_t) {});
  } catch (const nnef::FormatError& error) {
    throw nnef::FormatError("the record '" + entry.name + "': " + error.what());
  }
}

}  // namespace

ProgramFile::ProgramFile(const std::filesystem::path& path) {
  const nnef::ZipReader zip(path);
  std::string folder;
  for (const nnef::ZipEntry& entry : zip.entries()) {
    if (entry.name == kLegacyProgram) is_legacy_ = true;
    if (entry.name.ends_with(std::string("/") + kFormat)) folder = entry.name.substr(0, entry.name.find('/') + 1);
  }
  if (!is_legacy_ && folder.empty()) throw nnef::FormatError(std::string("there is no record '") + kFormat + "'");
  memory_ = std::make_shared<nnef::MappedFile>(path);
  if (memory_->size() != zip.size()) throw nnef::FormatError("the file changes while it is read");
  for (const nnef::ZipEntry& entry : zip.entries()) {
    if (!entry.is_stored) throw nnef::FormatError("the record '" + entry.name + "' is compressed");
    check_sum(zip, entry);
    if (is_legacy_) {
      records_[entry.name] = {memory_->begin() + entry.data, entry.size};
    } else if (entry.name.starts_with(folder)) {
      records_[entry.name.substr(folder.size())] = {memory_->begin() + entry.data, entry.size};
    }
  }
  if (is_legacy_) return;
  if (const std::string format = trimmed(record(kFormat)); format != "pt2") {
    throw nnef::FormatError("the record 'archive_format' names the format '" + format.substr(0, 40) + "'");
  }
  if (has("byteorder") && trimmed(record("byteorder")) != "little") {
    throw nnef::FormatError("the record 'byteorder' says that a big-endian machine wrote it");
  }
}

std::string_view ProgramFile::record(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) throw nnef::FormatError("there is no record '" + name + "'");
  return found->second;
}

std::vector<std::string> ProgramFile::names(const std::string& prefix) const {
  std::vector<std::string> names;
  for (auto entry = records_.lower_bound(prefix); entry != records_.end() && entry->first.starts_with(prefix);
       ++entry) {
    names.push_back(entry->first);
  }
  return names;
}

}  // namespace torch2nnef
