// Loading a TorchScript archive, or saying why it is none.

#include <regex>

#include "export/diagnostics.h"
#include "export/load/compat_ops.h"
#include "export/load/file_kind.h"
#include "export/load/model_impl.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

[[noreturn]] void fail(ExportError::Kind kind, const std::string& code, const std::string& text,
                       const std::string& hint) {
  throw ExportError(kind, {Severity::kError, code, "", {}, text, hint});
}

// What libtorch's message means for a user.
[[noreturn]] void explain_load_error(const std::filesystem::path& path, const std::exception& error) {
  std::string text = error.what();
  std::smatch match;
  static const std::regex kUnknown("Unknown builtin op: ([A-Za-z0-9_:]+)");
  static const std::regex kVersion("file with version (\\d+), but the maximum supported version for reading is (\\d+)");
  std::string name = path.filename().string();
  if (std::regex_search(text, match, kUnknown)) {
    fail(ExportError::Kind::kNotExportable, "T2N-M003",
         name + " uses the operator " + match[1].str() + ", which libtorch " + torch_version() + " does not have",
         "build torch2nnef with the libtorch that wrote the model, or, for a custom operator, write the model without "
         "it");
  }
  if (std::regex_search(text, match, kVersion)) {
    fail(ExportError::Kind::kNotExportable, "T2N-M004",
         name + " has file format version " + match[1].str() + "; libtorch " + torch_version() + " reads up to " +
             match[2].str(),
         "build torch2nnef with a newer libtorch");
  }
  fail(ExportError::Kind::kNotExportable, "T2N-M002", name + " cannot be loaded: " + message_of(error),
       "check that torch.jit.load reads it in Python");
}

// The record of torch >= 2: sizes and dtypes of what the model was traced with. The storages are empty.
std::optional<std::vector<c10::IValue>> read_traced_inputs(const std::filesystem::path& path) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
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

}  // namespace

Model Model::load(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ExportError::Kind::kUsage, "T2N-M001", path.filename().string() + " is a folder",
         "give a TorchScript archive");
  }
  if (!std::filesystem::is_regular_file(path, error)) {
    fail(ExportError::Kind::kUsage, "T2N-M001", "there is no file " + path.string(), "");
  }
  FileKind kind = file_kind(path);
  if (!kind.is_torchscript) {
    fail(ExportError::Kind::kNotExportable, "T2N-M002", path.filename().string() + " is " + kind.what, kind.advice);
  }
  register_missing_operators();
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  torch::jit::ExtraFilesMap extra{{"inputs.npz", ""}};
  try {
    impl->module = torch::jit::load(path.string(), at::Device(at::kCPU), extra);
  } catch (const std::exception& failure) {
    explain_load_error(path, failure);
  }
  impl->module.eval();
  impl->npz = extra["inputs.npz"];
  impl->traced = read_traced_inputs(path);
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
