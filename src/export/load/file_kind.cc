#include "export/load/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>

#include "nnef/archive/zip_reader.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr const char* kTrace =
    "in Python, load it, call model.eval() and save torch.export.export(model, example_inputs) or "
    "torch.jit.trace(model, example_inputs)";

struct Zip {
  std::set<std::string> paths;  // as they are
  std::set<std::string> names;  // without the first folder
  std::string pickle;           // beginning of data.pkl
};

Zip read_zip(const nnef::ZipReader& file) {
  constexpr std::size_t kBeginning = 1 << 14;
  Zip zip;
  for (const nnef::ZipEntry& entry : file.entries()) {
    const std::string name = entry.name.substr(entry.name.find('/') + 1);  // of one in no folder, all of it
    zip.paths.insert(entry.name);
    zip.names.insert(name);
    if (name != "data.pkl") continue;
    zip.pickle.resize(kBeginning);
    nnef::ZipStream stream(file, entry);
    zip.pickle.resize(stream.read(zip.pickle.data(), kBeginning));
  }
  return zip;
}

bool any_begins(const std::set<std::string>& names, const std::string& prefix) {
  auto found = names.lower_bound(prefix);
  return found != names.end() && found->rfind(prefix, 0) == 0;
}

bool any_contains(const std::set<std::string>& names, std::string_view part) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name.find(part) != std::string::npos; });
}

// TorchScript that this program does not read, with what to do.
FileKind kind_of_torchscript(const nnef::ZipReader& file) {
  constexpr std::uint64_t kMostSource = std::uint64_t{1} << 26;
  const std::string before = "save the traced or scripted model itself, before it is optimised";
  for (const nnef::ZipEntry& entry : file.entries()) {
    if (entry.name.ends_with("/model.json")) {
      return {false, false, "an archive of PyTorch before 1.4", "load it with a newer PyTorch and save it again"};
    }
    if (entry.name.ends_with("/byteorder") && file.read(entry, kMostSource) == "big") {
      return {false, false, "a model that a big-endian machine wrote", "load and save it on a little-endian one"};
    }
    if (entry.name.find("/code/") == std::string::npos || !entry.name.ends_with(".py")) continue;
    const std::string source = file.read(entry, kMostSource);
    if (source.find("ops.prim.ConstantMKLDNNTensor(") != std::string::npos) {
      return {false, false, "a model that torch.jit.optimize_for_inference changed: its weights are not in the file",
              before};
    }
    if (source.find("ops.prepacked.") != std::string::npos) {
      return {false, false, "a model that was optimised for mobile devices (optimize_for_mobile)", before};
    }
  }
  return {true, false, "", ""};
}

FileKind kind_of_contents(const nnef::ZipReader& file) {
  const Zip zip = read_zip(file);
  if (any_begins(zip.paths, "MAR-INF/")) {
    return {false, false, "a model archive of TorchServe (.mar)",
            "unzip it and give the TorchScript archive in it; a state_dict in it has to be traced first"};
  }
  if (zip.names.count("constants.pkl") || any_begins(zip.names, "code/")) return kind_of_torchscript(file);
  if (zip.paths.count("serialized_exported_program.json") || any_begins(zip.names, "models/")) {
    return {false, true, "an exported program (.pt2)", ""};
  }
  if (any_contains(zip.paths, "/aotinductor/")) {
    return {false, false, "a package of AOTInductor (.pt2): compiled code without the model",
            "save the program itself: torch.export.save(torch.export.export(model, example_inputs), \"model.pt2\")"};
  }
  if (any_begins(zip.names, "executorch/") || any_begins(zip.paths, "executorch/")) {
    return {false, false, "a package of ExecuTorch (.pt2): a program that was lowered for another runtime",
            "save the program itself: torch.export.save(torch.export.export(model, example_inputs), \"model.pt2\")"};
  }
  if (zip.names.count("archive_format")) {
    return {false, false, "a .pt2 archive without a program in it",
            "save one: torch.export.save(torch.export.export(model, example_inputs), \"model.pt2\")"};
  }
  if (zip.names.count("data.pkl")) {
    std::size_t module = zip.pickle.find("torch.nn.modules"), dict = zip.pickle.find("OrderedDict");
    if (dict != std::string::npos && (module == std::string::npos || dict < module)) {
      return {false, false, "a state_dict: weights without a model",
              "in Python, build the model, load_state_dict, call model.eval() and save torch.jit.trace(model, "
              "example_inputs)"};
    }
    return {false, false, "a pickled Python object (torch.save of a whole module or checkpoint)", kTrace};
  }
  if (any_contains(zip.names, ".npy")) {
    return {false, false, "a file of numpy arrays (.npz)", "sample inputs are given with --inputs, beside the model"};
  }
  return {false, false, "a zip file without TorchScript in it", kTrace};
}

FileKind kind_of_zip(const std::filesystem::path& path) {
  try {
    return kind_of_contents(nnef::ZipReader(path));
  } catch (const nnef::FormatError& error) {
    const std::string text = error.what();
    return {false, false, text.starts_with("a damaged") ? text : "a damaged zip file: " + text,
            "copy or download it again"};
  }
}

// Case does not matter, nor does space before it.
bool is_markup(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0]))) text.remove_prefix(1);
  std::string begin;
  for (const char letter : text.substr(0, 16)) {
    begin += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  for (const char* tag : {"<!doctype", "<html", "<head", "<body", "<?xml", "<!--"}) {
    if (begin.starts_with(tag)) return true;
  }
  return false;
}

// Files of other programs, by the bytes that they begin with.
std::optional<FileKind> kind_of_other(std::string_view bytes) {
  if (bytes.starts_with("version https://git-lfs")) {
    return FileKind{false, false, "a Git LFS pointer: the name of a file that was not downloaded",
                    "run git lfs pull where it is from, or download the file itself"};
  }
  if (is_markup(bytes)) {
    return FileKind{false, false, "a web page (HTML or XML), not a model",
                    "the address that it was downloaded from gave a page, such as a sign-in or an error: download the "
                    "file itself"};
  }
  const std::string_view mark = bytes.substr(std::min<std::size_t>(4, bytes.size()), 4);
  if (mark.size() == 4 && mark.starts_with("ET1")) {
    return FileKind{false, false, "an ExecuTorch program (.pte): lowered for another runtime",
                    "go back to the model: " + std::string(kTrace)};
  }
  if (mark == "PTMF") {
    return FileKind{false, false, "a mobile module in flatbuffer form",
                    "save the model as a TorchScript archive: torch.jit.save, not _save_for_mobile with flatbuffers"};
  }
  if (bytes.starts_with("GGUF")) {
    return FileKind{false, false, "a GGUF file: weights for llama.cpp without a model",
                    "export from the PyTorch model: " + std::string(kTrace)};
  }
  if (bytes.starts_with("\x93NUMPY")) {
    return FileKind{false, false, "a numpy array (.npy)",
                    "sample inputs are given with --inputs or --input, beside the model"};
  }
  if (bytes.size() >= 262 && bytes.substr(257, 5) == "ustar") {
    return FileKind{false, false, "a tar file", "unpack it and give the TorchScript archive itself"};
  }
  return std::nullopt;
}

}  // namespace

FileKind file_kind(const std::filesystem::path& path) {
  // Files of the kernel have no size, and reading some of them does not end.
  if (std::error_code error; std::filesystem::file_size(path, error) == 0) {
    return {false, false, "an empty file", "check how it was copied"};
  }
  std::ifstream file(path, std::ios::binary);
  std::array<char, 512> head{};
  file.read(head.data(), head.size());
  std::string bytes(head.data(), static_cast<std::size_t>(file.gcount()));
  auto begins = [&](const std::string& prefix) { return bytes.rfind(prefix, 0) == 0; };
  if (begins("PK")) return kind_of_zip(path);
  if (auto other = kind_of_other(bytes)) return *other;
  if (begins("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9")) {
    return {false, false, "a checkpoint of torch.save in the format before 1.6 (weights or a pickled module)", kTrace};
  }
  if (begins("\x80")) return {false, false, "a Python pickle", kTrace};
  if (begins("\x1f\x8b")) return {false, false, "a gzip file", "give the TorchScript archive itself"};
  if (begins("\x89HDF")) return {false, false, "an HDF5 file (Keras)", "only PyTorch models are read"};
  if (bytes.size() > 9 && bytes[8] == '{' && bytes[7] == '\0') {
    return {false, false, "a safetensors file: weights without a model",
            "in Python, build the model, load these weights, call model.eval() and save torch.jit.trace(model, "
            "example_inputs)"};
  }
  if (path.extension() == ".onnx" || (bytes.size() > 3 && bytes[0] == '\x08' && bytes[2] == '\x12')) {
    return {false, false, "an ONNX model", "tract reads ONNX itself; to go through NNEF, export the PyTorch model"};
  }
  return {false, false, "not a TorchScript archive (those are zip files)", kTrace};
}

}  // namespace torch2nnef
