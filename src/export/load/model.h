// A loaded model. No torch header is needed to hold one.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace torch {
namespace jit {
struct Module;
}
}  // namespace torch
namespace c10 {
struct IValue;
}

namespace torch2nnef {

// A loaded model with what its file says of its inputs: a TorchScript module, in eval mode, or an exported program.
class Model {
 public:
  // Throws ExportError: a file that is missing or is something else (which the message says), or that this libtorch
  // cannot read. (Defined in front_ends.cc, which knows both kinds.)
  static Model load(const std::filesystem::path& path);
  static Model load_torchscript(const std::filesystem::path& path);
  // `inputs` are the arguments of forward.
  static Model wrap(const torch::jit::Module& module, const std::vector<c10::IValue>& inputs);

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// Of the linked libtorch: "1.13.1".
std::string torch_version();

}  // namespace torch2nnef
