// From a loaded model to the Tape: sample inputs, the sizes to execute at, and the execution.

#include "export/record/record.h"

#include <algorithm>
#include <set>

#include "export/record/dynamic_axes.h"
#include "export/record/model.h"
#include "export/record/model_part.h"
#include "export/record/recorder.h"
#include "export/record/sample_inputs.h"
#include "export/record/smallest_sizes.h"
#include "export/record/source_location.h"
#include "export/record/state.h"
#include "export/record/torch_types.h"
#include "nnef/builder.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;

[[noreturn]] void usage(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

struct Plan {
  const Tables* tables = nullptr;
  StatePlan state;
  SampleInputs samples;
  std::vector<at::Tensor> leaves;
  std::vector<DynamicInput> inputs;  // one a leaf
  DynamicAxes axes;
};

// Inputs of states do not take the name of another input.
void make_unique(Plan& plan) {
  std::set<std::string> taken;
  for (const DynamicInput& input : plan.inputs) taken.insert(input.name);
  for (StateTensor& state : plan.state.tensors) {
    while (taken.count(state.input) > 0) state.input += "_state";
    state.output = state.input + "_next";
    taken.insert(state.input);
  }
}

Plan make_plan(const Model::Impl& model, const Tables& tables, const ExportOptions& options) {
  Plan plan;
  plan.tables = &tables;
  plan.samples = sample_inputs(model, options);
  std::vector<NamedLeaf> leaves = tensor_leaves(plan.samples.arguments, model.module.get_method(options.method));
  if (!options.input_names.empty() && options.input_names.size() != leaves.size()) {
    usage("--input-names gives " + std::to_string(options.input_names.size()) + " names, but the model takes " +
          std::to_string(leaves.size()) + (leaves.size() == 1 ? " tensor" : " tensors"));
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    std::string name = options.input_names.empty() ? nnef::make_identifier(leaves[i].name) : options.input_names[i];
    plan.leaves.push_back(leaves[i].tensor);
    std::vector<std::int64_t> sizes = leaves[i].tensor.sizes().vec();
    plan.inputs.push_back({name, sizes, nnef::make_shape(sizes)});
  }
  plan.axes = resolve_dynamic_axes(options, plan.inputs);
  if (options.state_io) {
    plan.state = find_state(model, options, plan.samples.arguments);
    make_unique(plan);
  }
  return plan;
}

// The sample with dynamic axes cut or repeated to other sizes. A stride of 7 keeps neighbours different.
at::Tensor resized(const at::Tensor& sample, const nnef::Shape& shape, const Bindings& sizes) {
  at::Tensor result = sample;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t size = shape[axis].evaluate(sizes), old = sample.size(static_cast<std::int64_t>(axis));
    if (size == old || old == 0) continue;
    at::Tensor index = (at::arange(size, at::kLong) * 7 + 3).remainder(old);
    result = result.index_select(static_cast<std::int64_t>(axis), index);
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
    throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M006", "", {},
                                                  "--dynamic-axes: the symbol " + symbol.name +
                                                      " has the name of an output",
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
    diagnostics.warning("T2N-P004", claim->name + " of " + claim->origin + " claims no module of the model", {},
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

// Executes the model in all `worlds` and records it; after an exception `recording` holds what came before.
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
  Recorder recorder(recording.tape, diagnostics, model.module,
                    worlds.front() == plan.axes.sample || worlds.size() == 1, recorder_options);
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
    auto& constraints = recording.tape.constraints;
    if (std::find(constraints.begin(), constraints.end(), condition) == constraints.end()) {
      constraints.push_back(std::move(condition));
    }
  }
}

ExportError stopped(const Diagnostics& diagnostics) {
  std::vector<Diagnostic> errors;
  for (const Diagnostic& one : diagnostics.list()) {
    if (one.severity == Severity::kError) errors.push_back(one);
  }
  return {ExportError::Kind::kNotExportable, std::move(errors)};
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
    diagnostics.error("T2N-R015", std::string(written.what()) + " at some sizes or values, but not on the sample inputs", {},
                      "give sample inputs with which it is written");
  }
  if (refused) *refused = std::move(recording);
  throw stopped(diagnostics);
}

// Executes at the sizes of a plan, and at the sample's when that is not among them.
Recording execute_dynamic(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
                          const std::vector<Bindings>& worlds, Diagnostics& diagnostics, Recording* refused) {
  Recording recording = execute_or_stop(model, options, plan, worlds, diagnostics, refused);
  if (worlds.front() == plan.axes.sample) return recording;
  // The sample hides broadcasting, but it is what the user gave: it is checked as well.
  Diagnostics unused;
  Plan fixed = plan;
  fixed.axes.symbols.clear();
  Recording sample = execute_or_stop(model, options, fixed, {plan.axes.sample}, unused, nullptr);
  recording.runs.insert(recording.runs.begin(), sample.runs.front());
  return recording;
}

// The sizes at which the model does execute: any, or multiples of a number, which models need that halve and double
// their axes or cut them into pieces. Each symbol gets the finest grid that does.
class GridSearch {
 public:
  GridSearch(const Model::Impl& model, const ExportOptions& options, const Plan& plan)
      : model_(model), options_(options), plan_(plan) {}

  // Throws ExportError when there is none.
  Grids run() {
    std::size_t count = plan_.axes.symbols.size();
    for (std::int64_t grid : kGrids) {
      Grids grids = grids_of(grid);
      if ((grid > 1 && grids == Grids(count, 1)) || !works(grids)) continue;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::int64_t finer = 1; finer < grids[i]; ++finer) {
          Grids one = grids;
          one[i] = finer;
          if (grid % finer != 0 || !works(one)) continue;
          grids = one;
          break;
        }
      }
      return grids;
    }
    fail();
  }

  [[noreturn]] void fail() const {
    if (!first_) {
      usage("the bounds of --symbol leave too few sizes to execute the model at",
            "widen them, or make the axis static");
    }
    const std::string hint = first_->bounds().empty()
                                 ? "where a size of the sample stands as a number, take it from the input's shape; or "
                                   "make that axis static, or bound it with --symbol to sizes that the model takes"
                                 : "give bounds within which it goes the same way (--symbol " + first_->bounds() +
                                       "), or make the axis static";
    throw ExportError(ExportError::Kind::kNotExportable,
                      {Severity::kError, first_->code(), "", first_->where(),
                       std::string(first_->what()) + " (at " + sizes_ + ")", hint});
  }

 private:
  // 1 once more, for what fails there. Powers of two are what most models need.
  static constexpr std::int64_t kGrids[] = {1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 48, 5, 10, 20, 7, 14, 28};
  static constexpr std::size_t kTried = 3;  // worlds; all of them are executed on the grid that is found

  // The same for all symbols; but multiples of just the sample's own size are what a model takes that has that size as a
  // number, and only powers of two are common enough to be something else.
  Grids grids_of(std::int64_t grid) const {
    const bool is_power_of_two = (grid & (grid - 1)) == 0;
    Grids grids;
    for (const Symbol& symbol : plan_.axes.symbols) {
      grids.push_back(is_power_of_two || plan_.axes.sample.at(symbol.name) >= 2 * grid ? grid : 1);
    }
    return grids;
  }

  bool works(const Grids& grids) {
    std::vector<Bindings> worlds = worlds_on(plan_.axes, plan_.inputs, grids, false);
    if (worlds.empty()) return false;
    worlds.resize(kTried);
    Diagnostics unused;
    Recording attempt;
    try {
      execute(model_, options_, plan_, worlds, unused, attempt);
    } catch (const WorldFailed& failed) {
      if (!first_) {
        first_ = failed;
        for (const auto& [name, size] : worlds.back()) {
          sizes_ += (sizes_.empty() ? "" : ", ") + name + " = " + std::to_string(size);
        }
      }
      return false;
    } catch (const std::exception&) {
      return true;  // not for its sizes; reported when it is executed again
    }
    return true;
  }

  const Model::Impl& model_;
  const ExportOptions& options_;
  const Plan& plan_;
  std::optional<WorldFailed> first_;
  std::string sizes_;
};

// At sizes far from the sample's, or where the model does not take those (a table of positions ends), at near ones.
std::optional<Recording> try_sizes(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
                                   Diagnostics& diagnostics, Recording* refused) {
  for (bool wide : {true, false}) {
    std::vector<Bindings> worlds = worlds_on(plan.axes, plan.inputs, Grids(plan.axes.symbols.size(), 1), wide);
    if (worlds.empty()) continue;
    Diagnostics attempt;
    try {
      Recording recording = execute_dynamic(model, options, plan, worlds, attempt, refused);
      for (const Diagnostic& one : attempt.list()) diagnostics.add(one);
      return recording;
    } catch (const WorldFailed&) {
    }
  }
  return std::nullopt;
}

Recording record_dynamic(const Model::Impl& model, const ExportOptions& options, Plan plan, Diagnostics& diagnostics,
                         Recording* refused) {
  if (auto recording = try_sizes(model, options, plan, diagnostics, refused)) return std::move(*recording);
  GridSearch search(model, options, plan);
  Grids grids = search.run();
  std::vector<std::string> conditions = fix_multiples(plan.axes, plan.inputs, grids);
  auto recording = try_sizes(model, options, plan, diagnostics, refused);
  if (!recording) search.fail();
  recording->tape.constraints.insert(recording->tape.constraints.begin(), conditions.begin(), conditions.end());
  return std::move(*recording);
}

}  // namespace

Recording record(const Model& model, const Tables& tables, const ExportOptions& options, Diagnostics& diagnostics,
                 Recording* refused) {
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  Plan plan = make_plan(exported, tables, options);
  if (plan.axes.symbols.empty()) {
    return execute_or_stop(exported, options, plan, {Bindings{}}, diagnostics, refused);
  }
  return record_dynamic(exported, options, plan, diagnostics, refused);
}

}  // namespace torch2nnef
