#include "export/load/file_kind.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <set>

namespace torch2nnef {
namespace {

constexpr const char* kTrace = "in Python, load it, call model.eval() and save torch.jit.trace(model, example_inputs)";

struct Zip {
  std::set<std::string> names;  // without the first folder
  std::string pickle;           // beginning of data.pkl
};

Zip read_zip(const std::filesystem::path& path) {
  Zip zip;
  std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) return zip;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    std::string name = archive_entry_pathname(entry);
    std::size_t slash = name.find('/');
    if (slash != std::string::npos) name = name.substr(slash + 1);
    zip.names.insert(name);
    if (name == "data.pkl") {
      zip.pickle.resize(1 << 14);
      auto count = archive_read_data(reader.get(), zip.pickle.data(), zip.pickle.size());
      zip.pickle.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
  }
  return zip;
}

bool any_begins(const std::set<std::string>& names, const std::string& prefix) {
  auto found = names.lower_bound(prefix);
  return found != names.end() && found->rfind(prefix, 0) == 0;
}

// A zip file ends with its list of contents.
bool is_cut_off(const std::filesystem::path& path) {
  constexpr std::streamoff kLongestEnd = 65557;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff size = file.tellg(), count = std::min(size, kLongestEnd);
  std::string end(static_cast<std::size_t>(count), '\0');
  file.seekg(size - count);
  file.read(end.data(), count);
  return end.find("PK\x05\x06") == std::string::npos;
}

FileKind kind_of_zip(const std::filesystem::path& path) {
  if (is_cut_off(path)) return {false, "a damaged zip file: its end is missing", "copy or download it again"};
  Zip zip = read_zip(path);
  if (zip.names.count("constants.pkl") || any_begins(zip.names, "code/")) return {true, "", ""};
  if (zip.names.count("serialized_exported_program.json") || any_begins(zip.names, "models/") ||
      zip.names.count("archive_format")) {
    return {false, "a torch.export program (.pt2)", "TorchScript is read: " + std::string(kTrace)};
  }
  if (zip.names.count("data.pkl")) {
    std::size_t module = zip.pickle.find("torch.nn.modules"), dict = zip.pickle.find("OrderedDict");
    if (dict != std::string::npos && (module == std::string::npos || dict < module)) {
      return {false, "a state_dict: weights without a model",
              "in Python, build the model, load_state_dict, call model.eval() and save torch.jit.trace(model, "
              "example_inputs)"};
    }
    return {false, "a pickled Python object (torch.save of a whole module or checkpoint)", kTrace};
  }
  return {false, "a zip file without TorchScript in it", kTrace};
}

}  // namespace

FileKind file_kind(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 64> head{};
  file.read(head.data(), head.size());
  std::string bytes(head.data(), static_cast<std::size_t>(file.gcount()));
  auto begins = [&](const std::string& prefix) { return bytes.rfind(prefix, 0) == 0; };
  if (begins("PK")) return kind_of_zip(path);
  if (bytes.empty()) return {false, "an empty file", "check how it was copied"};
  if (begins("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9")) {
    return {false, "a checkpoint of torch.save in the format before 1.6 (weights or a pickled module)", kTrace};
  }
  if (begins("\x80")) return {false, "a Python pickle", kTrace};
  if (begins("\x1f\x8b")) return {false, "a gzip file", "give the TorchScript archive itself"};
  if (begins("\x89HDF")) return {false, "an HDF5 file (Keras)", "only PyTorch models are read"};
  if (bytes.size() > 9 && bytes[8] == '{' && bytes[7] == '\0') {
    return {false, "a safetensors file: weights without a model",
            "in Python, build the model, load these weights, call model.eval() and save torch.jit.trace(model, "
            "example_inputs)"};
  }
  if (path.extension() == ".onnx" || (bytes.size() > 3 && bytes[0] == '\x08' && bytes[2] == '\x12')) {
    return {false, "an ONNX model", "tract reads ONNX itself; to go through NNEF, export the PyTorch model"};
  }
  return {false, "not a TorchScript archive (those are zip files)", kTrace};
}

}  // namespace torch2nnef
