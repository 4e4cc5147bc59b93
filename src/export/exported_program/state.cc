// State: buffers that a program changes, as inputs and outputs of what is exported.

#include <algorithm>
#include <set>

#include "export/exported_program/front_end.h"
#include "export/record/failures.h"
#include "export/record/state_text.h"
#include "export/record/torch_types.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& hint) {
  throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError, "T2N-R015", "", {}, text, hint});
}

std::size_t input_at(const Program& program, const std::string& path) {
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    if (program.inputs[i].attribute == path) return i;
  }
  refuse("the program writes to " + path + ", which is not a buffer", "make it a buffer of the model");
}

// As an input a buffer has memory of its own: what shares it would not see the writes.
void check_alone(const LoadedProgram& loaded, std::size_t input) {
  for (std::size_t i = 0; i < loaded.tensors.size(); ++i) {
    if (i == input || !loaded.tensors[i].defined() || loaded.tensors[i].numel() == 0) continue;
    if (!loaded.tensors[i].storage().is_alias_of(loaded.tensors[input].storage())) continue;
    refuse("the buffer " + loaded.program.inputs[input].attribute + " is written, and shares its memory with " +
               loaded.program.inputs[i].attribute,
           "give it memory of its own (.clone())");
  }
}

void add_state(ProgramPlan& plan, const std::string& path) {
  const std::size_t input = input_at(plan.loaded.program, path);
  check_alone(plan.loaded, input);
  std::set<std::string> taken;
  for (const DynamicInput& one : plan.sizes.inputs) taken.insert(one.name);
  for (const ProgramState& one : plan.states) taken.insert(one.report.input);
  std::string name = path;
  name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
  name = nnef::make_identifier(name);
  while (taken.count(name) > 0) name += "_state";
  const at::Tensor initial = plan.loaded.tensors[input];
  plan.states.push_back({input, {path, name, name + "_next", initial_value_text(path, initial)}, initial.clone()});
}

}  // namespace

void find_program_state(const Tables& tables, const ExportOptions& options, ProgramPlan& plan) {
  ExportOptions plain = options;
  plain.check = Check::kNone;  // no fingerprints
  plain.model_tree = false;
  plain.output_names.clear();
  SizePlan fixed = plan.sizes;
  fixed.axes.symbols.clear();
  for (;;) {
    Diagnostics unused;
    Recording first;
    try {
      ProgramFrontEnd(tables, plain, plan).execute(fixed, {plan.sizes.axes.sample}, unused, first);
    } catch (const AttributeWritten& written) {
      const auto is_known = [&](const ProgramState& state) { return state.report.attribute == written.path(); };
      if (std::any_of(plan.states.begin(), plan.states.end(), is_known)) throw;
      add_state(plan, written.path());
      continue;
    } catch (const Unsupported&) {
      return;  // to be reported when it is recorded
    } catch (const RecordingStopped&) {
      return;
    }
    // What the buffers are after a first call: no zeros that would hide a mistake.
    const std::size_t results = first.runs.front().outputs.size() - plan.states.size();
    for (std::size_t i = 0; i < plan.states.size(); ++i) {
      ProgramState& state = plan.states[i];
      const at::Tensor after = to_tensor(*first.runs.front().outputs.at(results + i).data);
      if (after.sizes() != state.sample.sizes()) {
        refuse("the buffer " + state.report.attribute + " changes its shape", "keep its shape from call to call");
      }
      state.sample = after.to(state.sample.scalar_type());
    }
    return;
  }
}

}  // namespace torch2nnef
