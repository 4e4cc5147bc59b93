// The step from a file to the Tape. No torch header is needed to call it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/export.h"
#include "export/fingerprint.h"
#include "export/ops/lowering.h"
#include "export/tape.h"
#include "nnef/io.h"

namespace torch2nnef {

// A loaded TorchScript module, in eval mode, with what the archive says of its inputs.
class Model {
 public:
  // Throws ExportError: a file that is missing or is something else (which the message says), or that this libtorch
  // cannot read.
  static Model load(const std::filesystem::path& path);
  // `inputs` are the arguments of forward.
  static Model wrap(const torch::jit::Module& module, const std::vector<c10::IValue>& inputs);

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// A call that was executed and not recorded, since it depends on constants only.
struct FoldedCall {
  std::string op;
  Location where;
  std::string result;      // "float32[3,4]"
  std::size_t before = 0;  // the index in Tape::calls of the call that was recorded next
};

// What came of executing a model: the Tape, and inputs and results with their values at all recorded sizes (in the
// order of Tape::inputs and Tape::outputs). checked[i] belongs to the sizes checked_sizes[i]; the sample comes first.
struct Recording {
  struct Run {
    nnef::Bindings sizes;
    std::vector<nnef::NamedTensor> inputs, outputs;
  };
  Tape tape;
  std::vector<Run> runs;
  // By TapeValue::id, then by world (Tape::worlds): one of a value, two of a complex one's parts, none where none was
  // taken. Empty with --check=none.
  std::vector<std::vector<std::vector<Fingerprint>>> fingerprints;
  std::string inputs_from;  // a sentence
  std::vector<StateReport> states;
  // With ExportOptions::model_tree: what is not on the Tape, and the module tree (path and class), parents first.
  std::vector<FoldedCall> folded;
  std::vector<std::pair<std::string, std::string>> modules;
};

// Executes forward on sample inputs: the user's (options), else those that the archive or a file beside it carries;
// with dynamic axes at other sizes too. Throws ExportError; notes, warnings and errors that did not stop the recording
// go to `diagnostics`, and what was recorded until then to `refused` unless it is null. Modules that a lowering of
// `tables` claims are one call.
Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused = nullptr);

std::string torch_version();

}  // namespace torch2nnef
