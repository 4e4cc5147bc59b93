#include "export/torchscript/execute_plan.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "export/record/tape_writer.h"
#include "export/record/torch_types.h"
#include "export/sizes/smallest_sizes.h"
#include "export/torchscript/recorder.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;

[[noreturn]] void usage(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

// Fractions that stand in the sample already, made a little smaller: of equal items no order is defined, so a topk over
// a copy would be compared with another right answer. Whole numbers, zeros and infinities mean something and stay.
at::Tensor varied(const at::Tensor& copy, const at::Tensor& round, std::int64_t axis) {
  std::vector<std::int64_t> along(static_cast<std::size_t>(copy.dim()), 1);
  along[static_cast<std::size_t>(axis)] = -1;
  const at::Tensor items = copy.to(at::kDouble);
  return at::where(items == items.trunc(), items, items * (1 - round.view(along) / 128.0)).to(copy.scalar_type());
}

// The sample with dynamic axes cut or repeated to other sizes. A stride keeps neighbours different.
at::Tensor resized(const at::Tensor& sample, const nnef::Shape& shape, const Bindings& sizes) {
  at::Tensor result = sample;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t size = shape[axis].evaluate(sizes), old = sample.size(static_cast<std::int64_t>(axis));
    if (size == old || old == 0) continue;
    const at::Tensor place = at::arange(size, at::kLong);
    const auto dim = static_cast<std::int64_t>(axis);
    std::int64_t stride = 7;
    while (std::gcd(stride, old) > 1) ++stride;  // until no item is missed
    result = result.index_select(dim, (place * stride + 3).remainder(old));
    if (result.is_floating_point()) result = varied(result, place.floor_divide(old), dim);
  }
  return result.clone(at::MemoryFormat::Contiguous);
}

// The tensors and numbers in a result, depth first, with their notes. Nones are counted.
void flatten(const Slot& slot, const ContainerNotes& notes, std::vector<Slot>& flat, int& nones) {
  const c10::IValue& value = slot.sample();
  if (value.isNone()) {
    ++nones;
  } else if (value.isTensor() || is_number(value)) {
    flat.push_back(slot);
  } else if (value.isTuple() || value.isList()) {
    std::vector<std::vector<c10::IValue>> worlds;
    for (const c10::IValue& world : slot.worlds) worlds.push_back(items_of(world));
    std::vector<Note> inside = notes.get(value);
    inside.resize(worlds.front().size());
    for (std::size_t i = 0; i < worlds.front().size(); ++i) {
      Slot item{{}, inside[i]};
      for (const auto& world : worlds) item.worlds.push_back(world.at(i));
      flatten(item, notes, flat, nones);
    }
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      Slot item;
      for (const c10::IValue& world : slot.worlds) item.worlds.push_back(world.toGenericDict().at(entry.key()));
      flatten(item, notes, flat, nones);
    }
  } else {
    throw Unsupported("the result holds a " + value.tagKind() + ", which is no tensor");
  }
}

at::Tensor as_tensor(const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor();
  if (value.isDouble()) return at::scalar_tensor(value.toDouble(), at::kDouble);
  if (value.isBool()) return at::scalar_tensor(value.toBool(), at::kBool);
  return at::scalar_tensor(value.toInt(), at::kLong);
}

std::vector<std::string> output_names(const ExportOptions& options, const DynamicAxes& axes, std::size_t count) {
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
  for (const Symbol& symbol : axes.symbols) {
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

nnef::NamedTensor named(const std::string& name, const at::Tensor& tensor) {
  return {name, make_constant(tensor.is_contiguous() ? tensor : tensor.contiguous())};
}

void add_state_inputs(const Plan& plan, Recorder& recorder, Recording& recording) {
  std::vector<std::vector<at::Tensor>> worlds(recording.runs.size());
  for (const StateTensor& state : plan.state.tensors) {
    std::vector<at::Tensor> versions;
    for (std::size_t world = 0; world < worlds.size(); ++world) {
      recording.runs[world].inputs.push_back(named(state.input, state.sample));
      versions.push_back(state.sample.clone());
      worlds[world].push_back(versions.back());
    }
    recorder.input(state.input, versions, nnef::make_shape(state.sample.sizes().vec()));
  }
  for (const std::vector<at::Tensor>& tensors : worlds) {
    for (auto& [path, value] : with_state(plan.state, tensors)) recorder.attributes()[path].worlds.push_back(value);
  }
}

// What the attributes are in the end: more outputs, each under the name of its state.
void add_state_outputs(const Plan& plan, Recorder& recorder, std::vector<std::string>& names, std::vector<Slot>& flat) {
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

// A lowering of a module that is not there is a mistake, most likely in its name.
void say_what_claims_nothing(const Tables& tables, const Recorder& recorder, Diagnostics& diagnostics) {
  std::string classes;
  for (const std::string& name : recorder.called_classes()) classes += (classes.empty() ? "" : ", ") + name;
  std::set<std::string> said;
  for (const Lowering* claim : tables.claims()) {
    if (recorder.claimed().count(claim->name) > 0 || !said.insert(claim->name).second) continue;
    diagnostics.warning(
        "T2N-P004", claim->name + " of " + claim->origin + " claims no module of the model", {},
        classes.empty() ? "the model calls no modules" : "the classes of the modules that are called: " + classes);
  }
}

std::vector<std::pair<std::string, std::string>> modules_of(const torch::jit::Module& root) {
  std::vector<std::pair<std::string, std::string>> modules;
  for (const auto& module : root.named_modules()) {
    modules.emplace_back(module.name, normalized_class(module.value.type()->name()->qualifiedName()));
  }
  return modules;
}

ExportError stopped(const Diagnostics& diagnostics) {
  std::vector<Diagnostic> errors;
  for (const Diagnostic& one : diagnostics.list()) {
    if (one.severity == Severity::kError) errors.push_back(one);
  }
  return {ExportError::Kind::kNotExportable, std::move(errors)};
}

}  // namespace

void execute(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
             const std::vector<Bindings>& worlds, Diagnostics& diagnostics, Recording& recording) {
  recording.inputs_from = plan.samples.from;
  recording.tape.symbols = plan.axes.symbols;
  recording.tape.worlds = worlds;
  if (options.model_tree) recording.modules = modules_of(model.module);
  RecorderOptions recorder_options;
  recorder_options.tables = plan.tables;
  recorder_options.max_iterations = options.max_iterations;
  recorder_options.follows_state = options.state_io;
  Recorder recorder(recording.tape, diagnostics, model.module, worlds.front() == plan.axes.sample || worlds.size() == 1,
                    recorder_options);
  if (options.check != Check::kNone) recorder.take_fingerprints(recording.fingerprints);
  if (options.model_tree) recorder.keep_folded_calls(recording.folded);
  std::vector<std::vector<at::Tensor>> leaves(worlds.size());
  for (const Bindings& sizes : worlds) recording.runs.push_back({sizes, {}, {}});
  for (std::size_t i = 0; i < plan.leaves.size(); ++i) {
    std::vector<at::Tensor> versions;
    for (std::size_t world = 0; world < worlds.size(); ++world) {
      at::Tensor version = resized(plan.leaves[i], plan.inputs[i].shape, worlds[world]);
      recording.runs[world].inputs.push_back(named(plan.inputs[i].name, version));
      // The model may write into its inputs; 0-dim tensors are not numbers.
      versions.push_back(version.clone());
      leaves[world].push_back(versions.back());
    }
    recorder.input(plan.inputs[i].name, versions, plan.inputs[i].shape);
  }
  std::vector<Slot> arguments(plan.samples.arguments.size());
  for (std::size_t world = 0; world < worlds.size(); ++world) {
    std::vector<c10::IValue> values = with_leaves(plan.samples.arguments, leaves[world]);
    for (std::size_t i = 0; i < values.size(); ++i) arguments[i].worlds.push_back(values[i]);
  }
  leaves.clear();
  add_state_inputs(plan, recorder, recording);
  Slot result = recorder.run(model.module.get_method(options.method).function(), std::move(arguments));

  std::vector<Slot> flat;
  int nones = 0;
  flatten(result, recorder.notes(), flat, nones);
  if (nones > 0) {
    diagnostics.note("T2N-R013", std::to_string(nones) + " of forward's results " + (nones == 1 ? "is" : "are") +
                                     " None and left out");
  }
  if (flat.empty() && plan.state.tensors.empty()) {
    throw Unsupported(options.method + " returns no tensor, so there is nothing to export");
  }
  std::vector<std::string> names = output_names(options, plan.axes, flat.size());
  add_state_outputs(plan, recorder, names, flat);
  for (std::size_t i = 0; i < flat.size(); ++i) {
    recorder.output(names[i], flat[i]);
    for (std::size_t world = 0; world < worlds.size(); ++world) {
      recording.runs[world].outputs.push_back(named(names[i], as_tensor(flat[i].worlds[world])));
    }
  }
  for (const StateTensor& state : plan.state.tensors) recording.states.push_back(to_report(state));
  say_what_claims_nothing(*plan.tables, recorder, diagnostics);
  recorder.finish();
  for (std::string& condition : smallest_sizes(recording.tape)) {
    TapeWriter(recording.tape).add_constraint(std::move(condition));
  }
}

Recording execute_or_stop(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
                          const std::vector<Bindings>& worlds, Diagnostics& diagnostics, Recording* refused) {
  Recording recording;
  try {
    execute(model, options, plan, worlds, diagnostics, recording);
    return recording;
  } catch (const RecordingStopped&) {
  } catch (const Unsupported& error) {
    diagnostics.error("T2N-R009", error.what(), {}, error.hint());
  } catch (const AttributeWritten& written) {
    diagnostics.error("T2N-R015",
                      std::string(written.what()) + " at some sizes or values, but not on the sample inputs", {},
                      "give sample inputs with which it is written");
  }
  if (refused) *refused = std::move(recording);
  throw stopped(diagnostics);
}

}  // namespace torch2nnef
