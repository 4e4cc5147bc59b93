#include "export/load/model_archive.h"

#include <algorithm>

#include "export/load/source_depth.h"
#include "export/load/state_code.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::uint64_t kMostPickle = std::uint64_t{1} << 26, kMostSource = std::uint64_t{1} << 26;
constexpr char kReplacement = '~';  // the last letter of a hidden record's name

[[noreturn]] void bad_archive(const std::string& text) { throw nnef::FormatError(text); }

void check_bools(const void* bytes, std::size_t count) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
  if (std::any_of(begin, begin + count, [](unsigned char byte) { return byte > 1; })) {
    bad_archive("holds a bool that is neither 0 nor 1");
  }
}

}  // namespace

ModelArchive::ModelArchive(const std::filesystem::path& path) : zip_(path) {
  // As libtorch does: the folder of the first entry.
  if (zip_.entries().empty()) bad_archive("an empty zip file");
  const std::string& first = zip_.entries().front().name;
  folder_ = first.substr(0, first.find('/')) + "/";
}

const nnef::ZipEntry* ModelArchive::find(std::string_view record) const {
  return zip_.find(folder_ + std::string(record));
}

std::string ModelArchive::read(std::string_view record, std::uint64_t most) const {
  const nnef::ZipEntry* entry = find(record);
  if (!entry) bad_archive("there is no record '" + std::string(record) + "'");
  return zip_.read(*entry, most);
}

void ModelArchive::check() {
  for (const char* name : {"version", ".data/version", "extra/inputs.npz"}) {
    if (const nnef::ZipEntry* entry = find(name)) zip_.stream(*entry, [](const void*, std::size_t) {});
  }
  std::map<std::string, Need> needs;
  check_pickle("data", needs);
  if (has("constants.pkl")) check_pickle("constants", needs);
  check_tensors(needs);
  check_sources();
  if (const nnef::ZipEntry* entry = find("traced_inputs.pkl")) {
    try {
      scan_pickle(zip_.read(*entry, kMostPickle));
    } catch (const nnef::FormatError&) {
      hide(*entry);
    }
  }
}

void ModelArchive::check_pickle(const std::string& name, std::map<std::string, Need>& needs) const {
  const std::string bytes = read(name + ".pkl", kMostPickle);
  try {
    const PickleFacts facts = scan_pickle(bytes);
    for (std::string_view type : facts.types) check_expression_depth(type);
    for (const PickledTensor& tensor : facts.tensors) {
      Need& need = needs[name + "/" + std::string(tensor.key)];
      const std::int64_t wanted = tensor.count * item_size(tensor.item);
      need.bytes = std::max(need.bytes, static_cast<std::uint64_t>(wanted));
      need.is_bool = need.is_bool || tensor.item == "Bool";
    }
  } catch (const nnef::FormatError& error) {
    bad_archive("record '" + name + ".pkl': " + error.what());
  }
}

void ModelArchive::check_tensors(const std::map<std::string, Need>& needs) const {
  for (const auto& [name, need] : needs) {
    if (need.bytes == 0) continue;  // libtorch does not read it
    const nnef::ZipEntry* entry = find(name);
    if (!entry) bad_archive("there is no record '" + name + "', which a tensor is in");
    if (entry->size < need.bytes) {
      bad_archive("record '" + name + "' has " + std::to_string(entry->size) + " bytes, a tensor in it needs " +
                  std::to_string(need.bytes));
    }
    try {
      zip_.stream(*entry, [is_bool = need.is_bool](const void* bytes, std::size_t count) {
        if (is_bool) check_bools(bytes, count);
      });
    } catch (const nnef::FormatError& error) {
      const std::string text = error.what();
      bad_archive(text.starts_with("entry") ? text : "record '" + name + "' " + text);
    }
  }
}

void ModelArchive::check_sources() {
  std::string all;  // a method of one class calls those of another
  for (const nnef::ZipEntry& entry : zip_.entries()) {
    if (!entry.name.starts_with(folder_ + "code/")) continue;
    if (entry.name.ends_with(".debug_pkl")) {
      try {
        scan_pickle(zip_.read(entry, kMostPickle));
      } catch (const nnef::FormatError&) {
        hide(entry);
      }
    } else if (entry.name.ends_with(".py")) {
      const std::string source = zip_.read(entry, kMostSource);
      try {
        check_source_depth(source);
        all += source;
      } catch (const nnef::FormatError& error) {
        bad_archive("source '" + entry.name + "': " + error.what());
      }
    }
  }
  check_state_code(all);
}

void ModelArchive::hide(const nnef::ZipEntry& entry) { hidden_.insert(entry.name_at + entry.name.size() - 1); }

void ModelArchive::read_at(std::uint64_t offset, void* bytes, std::size_t count) const {
  zip_.read_at(offset, bytes, count);
  for (auto at = hidden_.lower_bound(offset); at != hidden_.end() && *at < offset + count; ++at) {
    static_cast<char*>(bytes)[*at - offset] = kReplacement;
  }
}

}  // namespace torch2nnef
