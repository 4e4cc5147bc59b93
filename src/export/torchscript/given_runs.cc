#include "export/torchscript/given_runs.h"

#include <algorithm>

#include "export/record/torch_types.h"
#include "export/torchscript/execute_plan.h"
#include "export/torchscript/model_part.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

[[noreturn]] void refuse_file(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

// The export as it was asked for, with these inputs and the axes that were recorded.
ExportOptions options_for(const ExportOptions& options, const std::filesystem::path& file, const Tape& tape) {
  ExportOptions given = options;
  given.inputs_file = file;
  given.inputs.clear();
  given.symbols.clear();
  given.dynamic_axes.clear();
  given.check = Check::kNone;  // no fingerprints
  given.model_tree = false;
  for (TapeValue input : tape.inputs) {
    const TapeValueInfo& info = tape.info(input);
    for (std::size_t axis = 0; axis < info.shape.size(); ++axis) {
      if (info.shape[axis].is_constant()) continue;
      given.dynamic_axes.push_back({info.label, static_cast<int>(axis), info.shape[axis]});
    }
  }
  return given;
}

void check_shapes(const std::string& file, const Plan& plan, const Recording& recording) {
  for (std::size_t i = 0; i < plan.leaves.size(); ++i) {
    const TapeValueInfo& recorded = recording.tape.info(recording.tape.inputs.at(i));
    const std::vector<std::int64_t> sizes = plan.leaves[i].sizes().vec();
    if (sizes.size() == recorded.shape.size() && nnef::evaluate(recorded.shape, plan.sizes.axes.sample) == sizes)
      continue;
    refuse_file(file + ": the input " + recorded.label + " has the shape " + nnef::to_string(nnef::make_shape(sizes)) +
                    ", and the export takes " + nnef::to_string(recorded.shape),
                "make the axis dynamic (--dynamic-axes)");
  }
}

Recording::Run executed(const Model::Impl& model, const ExportOptions& options, Plan& plan, const std::string& file) {
  const nnef::Bindings sizes = plan.sizes.axes.sample;
  plan.sizes.axes.symbols.clear();
  Diagnostics problems;
  Recording recording;
  std::string reason;
  try {
    TorchScriptFrontEnd(model, options, plan).execute(plan.sizes, {sizes}, problems, recording);
  } catch (const std::exception& error) {
    reason = message_of(error);
  }
  for (const Diagnostic& one : problems.list()) {
    if (one.severity == Severity::kError) reason = one.text;
  }
  if (!reason.empty()) {
    throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError,
                                                          "T2N-R001",
                                                          "",
                                                          {},
                                                          "the model fails on the inputs of " + file + ": " + reason,
                                                          "give inputs that the model accepts"});
  }
  return std::move(recording.runs.front());
}

std::vector<nnef::NamedTensor> outputs_in(const std::filesystem::path& file, const Recording::Run& run) {
  std::vector<nnef::NamedTensor> expected;
  if (file.extension() != ".npz") return expected;
  for (nnef::NamedTensor& tensor : nnef::read_npz(file)) {
    for (std::size_t i = 0; i < run.outputs.size(); ++i) {
      if (tensor.name != run.outputs[i].name && tensor.name != "output_" + std::to_string(i)) continue;
      expected.push_back({run.outputs[i].name, tensor.data});
      break;
    }
  }
  return expected;
}

}  // namespace

std::vector<GivenRun> runs_on_given_inputs(const Model& model, const Tables& tables, const ExportOptions& options,
                                           const Recording& recording) {
  std::vector<GivenRun> runs;
  if (options.other_inputs_files.empty()) return runs;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  for (const std::filesystem::path& path : options.other_inputs_files) {
    const std::string file = path.filename().string();
    const ExportOptions given = options_for(options, path, recording.tape);
    Plan plan = make_plan(exported, tables, given);
    check_shapes(file, plan, recording);
    Recording::Run run = executed(exported, given, plan, file);
    std::vector<nnef::NamedTensor> expected = outputs_in(path, run);
    runs.push_back({path, std::move(run), std::move(expected)});
  }
  return runs;
}

}  // namespace torch2nnef
