#include "export/torchscript/execute_plan.h"

#include <algorithm>

#include "export/lower/claims.h"
#include "export/record/ivalues.h"
#include "export/record/masked_items.h"
#include "export/record/model_ends.h"
#include "export/record/packed_sequences.h"
#include "export/record/tape_writer.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

[[noreturn]] void usage(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

std::vector<std::string> output_names(const ExportOptions& options, const std::vector<Symbol>& symbols,
                                      std::size_t count) {
  if (!options.output_names.empty()) {
    if (options.output_names.size() != count) {
      usage("--output-names gives " + std::to_string(options.output_names.size()) + " names, but forward returns " +
            std::to_string(count) + (count == 1 ? " tensor" : " tensors"));
    }
  }
  std::vector<std::string> names = options.output_names;
  for (std::size_t i = 0; i < count && options.output_names.empty(); ++i) {
    names.push_back(count == 1 ? "output" : "output_" + std::to_string(i));
  }
  for (const Symbol& symbol : symbols) {
    if (std::find(names.begin(), names.end(), symbol.name) == names.end()) continue;
    throw ExportError(ExportError::Kind::kUsage,
                      {Severity::kError,
                       "T2N-M006",
                       "",
                       {},
                       "--dynamic-axes: the symbol " + symbol.name + " has the name of an output",
                       "choose another name, such as S"});
  }
  return names;
}

// What the attributes are in the end: more outputs, each under the name of its state.
void add_state_outputs(const Plan& plan, Recorder& recorder, std::vector<std::string>& names, Slots& flat) {
  std::size_t next = 0;
  for (const auto& [path, value] : plan.state.attributes) {
    const Slot& after = recorder.attributes().at(path);
    std::vector<std::vector<at::Tensor>> worlds;
    for (const c10::IValue& world : after.worlds) worlds.push_back(tensors_in(world));
    for (std::size_t i = 0; i < tensors_in(value).size(); ++i) {
      Slot slot;
      for (const auto& world : worlds) slot.worlds.emplace_back(world.at(i));
      const StateTensor& state = plan.state.tensors.at(next++);
      if (slot.sample().toTensor().sizes() != state.sample.sizes()) {
        throw Unsupported("the state " + path + " changes its shape", "keep its shape from call to call");
      }
      names.push_back(state.output);
      flat.push_back(std::move(slot));
    }
  }
}

bool is_tensor_attribute(const torch::jit::Module& module, const std::string& path) {
  try {
    return attribute_at(module, path).isTensor();
  } catch (const std::out_of_range&) {
    return false;  // a place in a list
  }
}

void hand_over(const Diagnostics& found, Recording& attempt, Diagnostics& diagnostics, Recording& recording) {
  for (const Diagnostic& one : found.list()) diagnostics.add(one);
  recording = std::move(attempt);
}

std::vector<std::pair<std::string, std::string>> modules_of(const torch::jit::Module& root) {
  std::vector<std::pair<std::string, std::string>> modules;
  for (const auto& module : root.named_modules()) {
    modules.emplace_back(module.name, normalized_class(module.value.type()->name()->qualifiedName()));
  }
  return modules;
}

}  // namespace

void TorchScriptFrontEnd::begin(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds,
                                Recording& recording) const {
  recording.inputs_from = plan_.samples.from;
  recording.tape.symbols = sizes.axes.symbols;
  recording.tape.worlds = worlds;
  for (const nnef::Bindings& world : worlds) recording.runs.push_back({world, {}, {}});
  if (options_.model_tree) recording.modules = modules_of(model_.module);
}

// The arguments of forward in all worlds.
Slots TorchScriptFrontEnd::add_inputs(const SizePlan& sizes, Recorder& recorder, Recording& recording) const {
  std::vector<std::vector<at::Tensor>> leaves(recording.runs.size());
  for (std::size_t i = 0; i < plan_.leaves.size(); ++i) {
    const DynamicInput& input = sizes.inputs[i];
    const auto versions = add_input(recorder.operators(), recording, input.name, plan_.leaves[i], input.shape);
    for (std::size_t world = 0; world < leaves.size(); ++world) leaves[world].push_back(versions[world]);
  }
  Slots arguments(plan_.samples.arguments.size());
  for (const std::vector<at::Tensor>& tensors : leaves) {
    std::vector<c10::IValue> values = with_leaves(plan_.samples.arguments, tensors);
    for (std::size_t i = 0; i < values.size(); ++i) arguments[i].worlds.push_back(values[i]);
  }
  return arguments;
}

void TorchScriptFrontEnd::add_state_inputs(Recorder& recorder, Recording& recording) const {
  std::vector<std::vector<at::Tensor>> worlds(recording.runs.size());
  for (const StateTensor& state : plan_.state.tensors) {
    const nnef::Shape shape = nnef::make_shape(state.sample.sizes().vec());
    const auto versions = add_input(recorder.operators(), recording, state.input, state.sample, shape);
    for (std::size_t world = 0; world < worlds.size(); ++world) worlds[world].push_back(versions[world]);
  }
  for (const std::vector<at::Tensor>& tensors : worlds) {
    for (auto& [path, value] : with_state(plan_.state, tensors)) recorder.attributes()[path].worlds.push_back(value);
  }
}

Slots TorchScriptFrontEnd::results_of(const Slot& result, const SizePlan& sizes, Recorder& recorder,
                                      Diagnostics& diagnostics, std::vector<std::string>& names) const {
  int nones = 0;
  Slots flat = flattened_result(result, recorder.operators().context().notes, nones);
  if (nones > 0) {
    diagnostics.note("T2N-R013", std::to_string(nones) + " of forward's results " + (nones == 1 ? "is" : "are") +
                                     " None and left out");
  }
  if (flat.empty() && plan_.state.tensors.empty()) {
    throw Unsupported(options_.method + " does not return a tensor, so nothing can be exported");
  }
  if (options_.complex_pairs) make_pairs(recorder.operators(), flat);
  names = output_names(options_, sizes.axes.symbols, flat.size());
  add_state_outputs(plan_, recorder, names, flat);
  return flat;
}

void TorchScriptFrontEnd::add_unset(Recorder& recorder) const {
  for (const std::string& path : unset_) {
    const at::Tensor archived = attribute_at(model_.module, path).toTensor();
    Slot& slot = recorder.attributes()[path];
    for (std::size_t world = 0; world < recorder.operators().context().world_count(); ++world) {
      slot.worlds.emplace_back(archived.clone());
    }
    recorder.operators().context().cells.add_unset(slot.sample().toTensor(), path);
  }
}

// A model may write to a tensor of its own before it reads it (out=self.room): then that is one of the recording.
void TorchScriptFrontEnd::execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds,
                                  Diagnostics& diagnostics, Recording& recording) {
  for (;;) {
    Diagnostics found;
    Recording attempt;
    try {
      record(sizes, worlds, found, attempt);
    } catch (const AttributeWritten& written) {
      if (options_.state_io) throw;
      if (is_tensor_attribute(model_.module, written.path()) && unset_.insert(written.path()).second) continue;
      throw Unsupported(
          "the model writes to its own attribute " + written.path() + ", so its results depend on earlier calls",
          "export it as an input and an output (--state=io)");
    } catch (...) {
      hand_over(found, attempt, diagnostics, recording);
      throw;
    }
    return hand_over(found, attempt, diagnostics, recording);
  }
}

void TorchScriptFrontEnd::record(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds,
                                 Diagnostics& diagnostics, Recording& recording) {
  begin(sizes, worlds, recording);
  RecorderOptions options;
  options.tables = plan_.tables;
  options.max_iterations = options_.max_iterations;
  options.max_operations = options_.max_operations;
  options.follows_state = options_.state_io;
  const bool first_is_sample = worlds.front() == sizes.axes.sample || worlds.size() == 1;
  Recorder recorder(recording.tape, diagnostics, model_.module, first_is_sample, options);
  RecordContext& context = recorder.operators().context();
  if (options_.check != Check::kNone) context.fingerprints = &recording.fingerprints;
  if (options_.model_tree) context.folded = &recording.folded;
  Slots arguments = add_inputs(sizes, recorder, recording);
  add_state_inputs(recorder, recording);
  add_unset(recorder);
  Slot result = recorder.run(model_.module.get_method(options_.method).function(), std::move(arguments));
  std::vector<std::string> names;
  const Slots results = results_of(result, sizes, recorder, diagnostics, names);
  add_outputs(recorder.operators(), recording, names, results);
  for (const StateTensor& state : plan_.state.tensors) recording.states.push_back(to_report(state));
  warn_of_unused_claims(*plan_.tables, recorder.claimed(), recorder.called_classes(), diagnostics);
  resolve_masked_items(recorder.operators().context().tape);
  resolve_packed_sequences(recorder.operators().context().tape);
  recorder.operators().finish();
}

}  // namespace torch2nnef
