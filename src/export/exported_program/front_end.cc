#include "export/exported_program/front_end.h"

#include <algorithm>
#include <stdexcept>

#include "export/exported_program/program_results.h"
#include "export/lower/claims.h"
#include "export/record/failures.h"
#include "export/record/masked_items.h"
#include "export/record/model_ends.h"
#include "export/record/packed_sequences.h"

namespace torch2nnef {
namespace {

// Sizes of all inputs in a world.
std::vector<std::vector<std::int64_t>> sizes_in(const SizePlan& sizes, const nnef::Bindings& world) {
  std::vector<std::vector<std::int64_t>> result;
  for (const DynamicInput& input : sizes.inputs) result.push_back(nnef::evaluate(input.shape, world));
  return result;
}

// An int of the user's: what it is depends on the caller.
Slot number_input(OperatorRecorder& recorder, const std::string& name, const std::vector<at::Tensor>& versions) {
  std::vector<c10::IValue> numbers;
  for (const at::Tensor& version : versions) numbers.emplace_back(version.item<std::int64_t>());
  return recorder.numbers().read_item({{versions.begin(), versions.end()}, {}}, std::move(numbers),
                                      "the number " + name + " that forward is given");
}

}  // namespace

void ProgramFrontEnd::begin(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds,
                            Recording& recording) const {
  recording.inputs_from = plan_.from;
  recording.tape.symbols = sizes.axes.symbols;
  recording.tape.worlds = worlds;
  for (const nnef::Bindings& world : worlds) recording.runs.push_back({world, {}, {}});
  if (!options_.model_tree) return;
  for (const std::string& path : plan_.loaded.program.modules) recording.modules.emplace_back(path, "");
}

void ProgramFrontEnd::check_worlds(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds) const {
  for (const nnef::Bindings& world : worlds) {
    if (world == sizes.axes.sample) continue;
    std::string objection;
    try {
      objection = plan_.file_sizes.objection(plan_.file_sizes.bind(sizes_in(sizes, world)));
      if (!objection.empty()) objection = "the program is for sizes with " + objection;
    } catch (const std::invalid_argument& error) {
      objection = error.what();
    }
    if (!objection.empty()) throw WorldFailed(objection, {}, "T2N-R006");
  }
}

namespace {

// The program's symbols as expressions of those of the Tape.
using SymbolDims = std::map<std::string, nnef::Dim>;

// Sizes to try a condition at: small ones and some that are far apart, within the bounds.
std::vector<nnef::Bindings> trial_sizes(const std::vector<Symbol>& symbols, const nnef::Bindings& sample) {
  constexpr std::size_t kTrials = 160;
  std::vector<nnef::Bindings> trials;
  std::uint64_t random = 1;
  for (std::size_t i = 0; i < kTrials; ++i) {
    nnef::Bindings sizes = sample;
    for (const Symbol& symbol : symbols) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      const std::int64_t least = std::max<std::int64_t>(symbol.minimum.value_or(1), 1);
      const auto away = static_cast<std::int64_t>(random >> 33 & (i % 2 == 0 ? 31 : 511));
      sizes[symbol.name] = std::min(least + away, symbol.maximum.value_or(least + away));
    }
    trials.push_back(std::move(sizes));
  }
  return trials;
}

// Whether the bounds of the symbols allow sizes at which the condition does not hold.
bool fails_within(const Expression& condition, const SymbolDims& dims, const SizePlan& sizes) {
  std::set<std::string> names;
  condition.collect_symbols(names);
  std::vector<Symbol> varied;
  for (const Symbol& symbol : sizes.axes.symbols) {
    const bool is_used = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const auto dim = dims.find(name);
      return dim != dims.end() && dim->second.symbols().count(symbol.name) > 0;
    });
    if (is_used) varied.push_back(symbol);
  }
  for (const nnef::Bindings& trial : trial_sizes(varied, sizes.axes.sample)) {
    nnef::Bindings values;
    for (const auto& [name, dim] : dims) values[name] = dim.evaluate(trial);
    const auto value = evaluate(condition, values);
    if (!value || *value == 0) return true;
  }
  return false;
}

}  // namespace

// What the program says of its sizes, where the symbols' bounds do not say it.
void ProgramFrontEnd::add_constraints(const SizePlan& sizes, Recording& recording) const {
  std::vector<std::string>& constraints = recording.tape.constraints;
  for (const std::string& text : plan_.file_sizes.unread()) constraints.push_back(text);
  if (sizes.axes.symbols.empty()) return;
  SymbolDims dims;
  std::map<std::string, std::string> names;
  for (const std::string& symbol : plan_.file_sizes.symbols()) {
    const auto axis = plan_.file_sizes.axis_of(symbol);
    if (!axis) continue;
    const nnef::Dim& dim = sizes.inputs[axis->first].shape[axis->second];
    const std::string text = dim.to_string();
    dims[symbol] = dim;
    names[symbol] = text.find_first_of("+-*/(,") == std::string::npos ? text : "(" + text + ")";
  }
  for (const Guard& guard : plan_.file_sizes.guards()) {
    if (guard.is_inequality || !fails_within(guard.condition, dims, sizes)) continue;
    const std::string text = to_text(guard.condition, names);
    if (std::find(constraints.begin(), constraints.end(), text) == constraints.end()) constraints.push_back(text);
  }
}

Slot ProgramFrontEnd::attribute(std::size_t input, OperatorRecorder& recorder) const {
  const at::Tensor& tensor = plan_.loaded.tensors[input];
  const CellPtr cell = recorder.context().cells.of(tensor);
  const std::string& path = plan_.loaded.program.inputs[input].attribute;
  if (cell->label.empty()) cell->label = path;
  cell->owner = "attribute " + path;
  return same_in_all(recorder.context(), tensor);
}

// The graph's inputs, in order.
Slots ProgramFrontEnd::add_inputs(const SizePlan& sizes, OperatorRecorder& recorder, Recording& recording) const {
  Slots slots;
  std::size_t next = 0;
  for (std::size_t i = 0; i < plan_.loaded.program.inputs.size(); ++i) {
    const ProgramInput& input = plan_.loaded.program.inputs[i];
    if (input.kind == ProgramInput::Kind::kBaked) {
      slots.push_back(same_in_all(recorder.context(), {}));
    } else if (input.kind == ProgramInput::Kind::kUser) {
      const DynamicInput& facts = sizes.inputs[next];
      const auto versions = add_input(recorder, recording, facts.name, plan_.leaves[next++], facts.shape);
      slots.push_back(input.is_number ? number_input(recorder, facts.name, versions)
                                      : Slot{{versions.begin(), versions.end()}, {}});
    } else {
      slots.push_back({});
    }
  }
  for (std::size_t i = 0; i < plan_.loaded.program.inputs.size(); ++i) {
    if (!slots[i].worlds.empty()) continue;
    const auto state =
        std::find_if(plan_.states.begin(), plan_.states.end(), [&](const ProgramState& one) { return one.input == i; });
    if (state == plan_.states.end()) {
      slots[i] = attribute(i, recorder);
      continue;
    }
    const nnef::Shape shape = nnef::make_shape(state->sample.sizes().vec());
    const auto versions = add_input(recorder, recording, state->report.input, state->sample, shape);
    slots[i] = {{versions.begin(), versions.end()}, {}};
  }
  return slots;
}

namespace {

// What the buffers that change are in the end: written in place, or given as outputs.
Slots states_after(const ProgramPlan& plan, const Slots& inputs, const Slots& outputs) {
  const Program& program = plan.loaded.program;
  Slots after;
  for (const ProgramState& state : plan.states) {
    after.push_back(inputs[state.input]);
    for (std::size_t i = 0; i < program.outputs.size(); ++i) {
      const ProgramOutput& output = program.outputs[i];
      const bool is_it =
          output.kind == ProgramOutput::Kind::kBufferMutation && output.target == program.inputs[state.input].attribute;
      if (is_it) after.back() = outputs[i];
    }
  }
  return after;
}

// Mutations that the program gives as outputs are writes, too.
void check_mutations(const ProgramPlan& plan, bool follows_state) {
  const Program& program = plan.loaded.program;
  for (const ProgramOutput& output : program.outputs) {
    if (output.kind != ProgramOutput::Kind::kBufferMutation) continue;
    const bool is_state = std::any_of(plan.states.begin(), plan.states.end(), [&](const ProgramState& state) {
      return program.inputs[state.input].attribute == output.target;
    });
    if (is_state) continue;
    if (follows_state) throw AttributeWritten(output.target);
    throw Unsupported(
        "the model writes to its own attribute " + output.target + ", so its results depend on earlier calls",
        "export it as an input and an output (--state=io)");
  }
}

}  // namespace

void ProgramFrontEnd::execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds,
                              Diagnostics& diagnostics, Recording& recording) {
  check_worlds(sizes, worlds);
  begin(sizes, worlds, recording);
  add_constraints(sizes, recording);
  check_mutations(plan_, options_.state_io);
  const bool first_is_sample = worlds.front() == sizes.axes.sample || worlds.size() == 1;
  NodePlace place;
  OperatorRecorder recorder(
      recording.tape, diagnostics, [&]() -> const Location& { return place.here(); }, first_is_sample,
      options_.state_io);
  RecordContext& context = recorder.context();
  if (options_.check != Check::kNone) context.fingerprints = &recording.fingerprints;
  if (options_.model_tree) context.folded = &recording.folded;
  ProgramExecutor executor(recorder, place, options_.max_iterations, &tables_);
  const Slots inputs = add_inputs(sizes, recorder, recording);
  const Slots outputs = executor.run(plan_.loaded.program.graph, inputs);
  ProgramResults results = program_results(plan_, sizes, options_, outputs, diagnostics);
  if (options_.complex_pairs) make_pairs(recorder, results.values);
  const Slots after = states_after(plan_, inputs, outputs);
  for (std::size_t i = 0; i < after.size(); ++i) {
    results.names.push_back(plan_.states[i].report.output);
    results.values.push_back(after[i]);
    recording.states.push_back(plan_.states[i].report);
  }
  add_outputs(recorder, recording, results.names, results.values);
  for (const std::string& text : plan_.narrowed) diagnostics.note("T2N-R020", text);
  if (const std::int64_t count = executor.left_out_assertions(); count > 0) {
    diagnostics.note("T2N-R011", std::to_string(count) +
                                     (count == 1 ? " assertion on the values of inputs is"
                                                 : " assertions on the values of inputs are") +
                                     " not exported");
  }
  warn_of_unused_claims(tables_, executor.claimed(), executor.called_classes(), diagnostics);
  resolve_masked_items(context.tape);
  resolve_packed_sequences(context.tape);
  recorder.finish();
}

}  // namespace torch2nnef
