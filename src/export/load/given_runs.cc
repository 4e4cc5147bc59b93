#include "export/load/given_runs.h"

#include <algorithm>

#include "export/record/torch_types.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

[[noreturn]] void refuse_file(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

void check_shapes(const std::string& file, const SizePlan& plan, const std::vector<at::Tensor>& leaves,
                  const Recording& recording) {
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const TapeValueInfo& recorded = recording.tape.info(recording.tape.inputs.at(i));
    const std::vector<std::int64_t> sizes = leaves[i].sizes().vec();
    if (sizes.size() == recorded.shape.size() && nnef::evaluate(recorded.shape, plan.axes.sample) == sizes) continue;
    refuse_file(file + ": the input " + recorded.label + " has the shape " + nnef::to_string(nnef::make_shape(sizes)) +
                    ", and the export takes " + nnef::to_string(recorded.shape),
                "make the axis dynamic (--dynamic-axes)");
  }
}

Recording::Run executed(FrontEnd& front_end, SizePlan& plan, const std::string& file) {
  const nnef::Bindings sizes = plan.axes.sample;
  plan.axes.symbols.clear();
  Diagnostics problems;
  Recording recording;
  std::string reason;
  try {
    front_end.execute(plan, {sizes}, problems, recording);
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

ExportOptions options_for_inputs(const ExportOptions& options, const std::filesystem::path& file, const Tape& tape) {
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

GivenRun run_on_given_inputs(FrontEnd& front_end, SizePlan& sizes, const std::vector<at::Tensor>& leaves,
                             const std::filesystem::path& file, const Recording& recording) {
  const std::string name = file.filename().string();
  check_shapes(name, sizes, leaves, recording);
  Recording::Run run = executed(front_end, sizes, name);
  std::vector<nnef::NamedTensor> expected = outputs_in(file, run);
  return {file, std::move(run), std::move(expected)};
}

}  // namespace torch2nnef
