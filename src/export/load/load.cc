// Loading a TorchScript archive, or saying why it is none.

#include <algorithm>
#include <cctype>
#include <string_view>

#include "export/diagnostics.h"
#include "export/load/attribute_types.h"
#include "export/load/compat_ops.h"
#include "export/load/file_kind.h"
#include "export/load/model_archive.h"
#include "export/load/model_impl.h"
#include "export/record/quantised_engine.h"
#include "export/record/torch_types.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

[[noreturn]] void fail(ExportError::Kind kind, const std::string& code, const std::string& text,
                       const std::string& hint) {
  throw ExportError(kind, {Severity::kError, code, "", {}, text, hint});
}

// The word behind `prefix` in the text, as far as its letters are accepted; "" when there is none.
std::string word_behind(std::string_view text, std::string_view prefix, bool (*accepted)(unsigned char)) {
  const std::size_t at = text.find(prefix);
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at + prefix.size());
  const auto end = std::find_if_not(text.begin(), text.end(), accepted);
  return std::string(text.begin(), end);
}

bool is_of_name(unsigned char c) { return std::isalnum(c) || c == '_' || c == ':'; }
bool is_digit(unsigned char c) { return std::isdigit(c) != 0; }

// What libtorch's message means for a user.
[[noreturn]] void explain_load_error(const std::filesystem::path& path, const std::exception& error) {
  constexpr std::size_t kLongest = 1000;  // of a message, which may quote the file
  const std::string text = error.what(), name = path.filename().string();
  std::string unknown = word_behind(text, "Unknown builtin op: ", is_of_name);
  if (!unknown.empty()) {
    if (unknown.size() > kLongest) unknown = unknown.substr(0, kLongest) + "...";
    fail(ExportError::Kind::kNotExportable, "T2N-M003",
         name + " uses the operator " + unknown + ", which libtorch " + torch_version() + " does not have",
         "build torch2nnef with the libtorch that wrote the model, or, for a custom operator, write the model without "
         "it");
  }
  const std::string version = word_behind(text, "file with version ", is_digit);
  const std::string newest = word_behind(text, "but the maximum supported version for reading is ", is_digit);
  if (!version.empty() && !newest.empty()) {
    fail(ExportError::Kind::kNotExportable, "T2N-M004",
         name + " has file format version " + version + "; libtorch " + torch_version() + " reads up to " + newest,
         "build torch2nnef with a newer libtorch");
  }
  std::string why = message_of(error);
  if (why.size() > kLongest) why = why.substr(0, kLongest) + "...";
  fail(ExportError::Kind::kNotExportable, "T2N-M002", name + " cannot be loaded: " + why,
       "check that torch.jit.load reads it in Python");
}

// The archive that was checked, and no other: what has changed on the disk since then would be read as it was.
class CheckedFile : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit CheckedFile(std::shared_ptr<const ModelArchive> archive) : archive_(std::move(archive)) {}
  std::size_t size() const override { return static_cast<std::size_t>(archive_->size()); }
  std::size_t read(std::uint64_t at, void* bytes, std::size_t count, const char*) const override {
    archive_->read_at(at, bytes, count);
    return count;
  }

 private:
  std::shared_ptr<const ModelArchive> archive_;
};

std::shared_ptr<const ModelArchive> checked_archive(const std::filesystem::path& path) {
  try {
    auto archive = std::make_shared<ModelArchive>(path);
    archive->check();
    return archive;
  } catch (const nnef::FormatError& error) {
    fail(ExportError::Kind::kNotExportable, "T2N-M002",
         path.filename().string() + " is damaged, or made to do harm: " + error.what(),
         "copy or download it again; a file that torch.jit.save wrote has none of this");
  } catch (const nnef::IoError& error) {
    fail(ExportError::Kind::kNotExportable, "T2N-M001", error.what(), "");
  }
}

// The record of torch >= 2: sizes and dtypes of what the model was traced with. The storages are empty.
std::optional<std::vector<c10::IValue>> read_traced_inputs(const std::shared_ptr<const ModelArchive>& archive) {
  if (!archive->has("traced_inputs.pkl")) return std::nullopt;
  try {
    caffe2::serialize::PyTorchStreamReader reader(std::make_shared<CheckedFile>(archive));
    if (!reader.hasRecord("traced_inputs.pkl")) return std::nullopt;
    c10::IValue record = torch::jit::readArchiveAndTensors("traced_inputs", "", "traced_inputs/", c10::nullopt,
                                                           c10::nullopt, at::Device(at::kCPU), reader);
    if (!record.isGenericDict()) return std::nullopt;
    auto found = record.toGenericDict().find("forward");
    if (found == record.toGenericDict().end() || !found->value().isList()) return std::nullopt;
    return found->value().toListRef().vec();
  } catch (const std::exception&) {
    return std::nullopt;  // a record that cannot be read is as good as none
  }
}

torch::jit::Module module_of(const std::shared_ptr<const ModelArchive>& archive, torch::jit::ExtraFilesMap& extra) {
  const auto load = [&] {
    return torch::jit::load(std::make_shared<CheckedFile>(archive), at::Device(at::kCPU), extra);
  };
  try {
    return load();
  } catch (const std::exception& error) {
    // Weights that one of torch's engines alone packs.
    const bool is_packing = std::string_view(error.what()).find("for transposed conv") != std::string_view::npos;
    if (!is_packing || !has_exact_engine()) throw;
    const ExactEngineInUse engine;
    return load();
  }
}

}  // namespace

FileKind kind_of_model(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ExportError::Kind::kUsage, "T2N-M001", path.filename().string() + " is a folder",
         "give a TorchScript archive or an exported program");
  }
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::is_regular_file(status)) {
    const std::string why = std::filesystem::exists(status) ? " is not a file" : " cannot be read: " + error.message();
    fail(ExportError::Kind::kUsage, "T2N-M001", path.string() + why, "");
  }
  FileKind kind = file_kind(path);
  if (!kind.is_torchscript && !kind.is_program) {
    fail(ExportError::Kind::kNotExportable, "T2N-M002", path.filename().string() + " is " + kind.what, kind.advice);
  }
  return kind;
}

Model Model::load_torchscript(const std::filesystem::path& path) {
  const std::shared_ptr<const ModelArchive> archive = checked_archive(path);
  register_missing_operators();
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  torch::jit::ExtraFilesMap extra{{"inputs.npz", ""}};
  try {
    impl->module = module_of(archive, extra);
    check_attribute_types(impl->module);
  } catch (const std::exception& failure) {
    explain_load_error(path, failure);
  }
  impl->module.eval();
  impl->npz = extra["inputs.npz"];
  impl->traced = read_traced_inputs(archive);
  return Model(std::move(impl));
}

Model Model::wrap(const torch::jit::Module& module, const std::vector<c10::IValue>& inputs) {
  register_missing_operators();
  auto impl = std::make_shared<Impl>();
  impl->module = module;
  impl->module.eval();
  impl->inputs = inputs;
  return Model(std::move(impl));
}

std::string torch_version() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
         std::to_string(TORCH_VERSION_PATCH);
}

}  // namespace torch2nnef
