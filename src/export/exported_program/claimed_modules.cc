// Modules that a lowering claims: their nodes are executed for their values, and one call is written in their place.
#include <algorithm>
#include <utility>

#include "export/exported_program/executor.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"

namespace torch2nnef {
namespace {

// "weight" of the attribute "encoder.0.weight" for the module "encoder.0"; an attribute of another module, which is
// shared, keeps its whole path.
std::string attribute_name(const std::string& attribute, const std::string& module) {
  if (module.empty()) return attribute;
  return attribute.starts_with(module + ".") ? attribute.substr(module.size() + 1) : attribute;
}

}  // namespace

void ProgramExecutor::run_claimed(const ModuleSpan& span, Frame& frame) {
  claimed_.insert(span.op);
  const std::vector<std::string> inputs = names_from_outside(frame.graph, span);
  const bool is_recorded = std::any_of(
      inputs.begin(), inputs.end(), [&](const std::string& name) { return context_.depends(frame.values.at(name)); });
  if (!is_recorded) return run_nodes(span.first, span.last + 1, frame);  // a constant: what happens inside folds
  const NodeOnPlace entered(place_, &frame.graph.nodes[span.first]);
  try {
    record_span(span, inputs, frame);
  } catch (const Unsupported& error) {
    stop(error, span.op);
  }
}

void ProgramExecutor::record_span(const ModuleSpan& span, const std::vector<std::string>& inputs, Frame& frame) {
  Tape& tape = context_.tape.tape();
  ClaimedModule call{span.op, span.module.path, span.module.class_name, {}, {}, 0, context_.here()};
  add_claimed_arguments(inputs, frame, call);
  const std::size_t first_call = tape.calls.size(), first_value = tape.values.size();
  const std::size_t began_at = context_.cells.made();
  run_nodes(span.first, span.last + 1, frame);
  if (context_.cells.was_written(began_at, first_value)) {
    throw Unsupported(name_of_claimed(call.op, call.class_name) +
                          " writes into its arguments, which a lowering of a module cannot express",
                      "claim the modules inside it");
  }
  tape.calls.erase(tape.calls.begin() + static_cast<std::ptrdiff_t>(first_call), tape.calls.end());
  context_.cells.forget_since(first_value);
  std::vector<std::string> results;  // the others are dropped with their last use
  for (std::string& name : names_made(frame.graph, span)) {
    if (frame.values.count(name) > 0) results.push_back(std::move(name));
  }
  replace_results(std::move(call), results, frame);
}

// Tensors of the caller as input_0, input_1, ... in the order of their use: the file does not name forward's arguments.
// Attributes by their path. Sizes are those of the tensors, and left out.
void ProgramExecutor::add_claimed_arguments(const std::vector<std::string>& names, const Frame& frame,
                                            ClaimedModule& call) {
  NamedArguments attributes;
  for (const std::string& name : names) {
    const Slot& slot = frame.values.at(name);
    if (!slot.sample().isTensor()) continue;
    const at::Tensor& tensor = slot.sample().toTensor();
    const CellPtr cell = context_.cells.of(tensor);
    const bool is_attribute = !Cells::live(*cell) && !cell->label.empty();
    std::string given =
        is_attribute ? attribute_name(cell->label, call.path) : "input_" + std::to_string(call.given.size());
    const c10::Argument formal(given, c10::TensorType::get());
    TapeArgument argument = recorder_.arguments().one(slot, formal, call.op);
    (is_attribute ? attributes : call.given).emplace_back(std::move(given), std::move(argument));
  }
  call.is_default.assign(call.given.size(), false);
  call.is_default.resize(call.given.size() + attributes.size(), true);
  call.attribute_count = attributes.size();
  std::move(attributes.begin(), attributes.end(), std::back_inserter(call.given));
}

void ProgramExecutor::replace_results(ClaimedModule call, const std::vector<std::string>& names, Frame& frame) {
  const std::string what = name_of_claimed(call.op, call.class_name);
  Slots results;
  for (const std::string& name : names) {
    Slot& slot = frame.values.at(name);
    if (slot.note.kind == Note::Kind::kData) {
      throw Unsupported(
          what + " gives a number that is read from a tensor, and a lowering of a module gives tensors only",
          "claim the modules inside it");
    }
    if (is_number(slot.sample())) continue;
    for (c10::IValue& world : slot.worlds) world = with_own_memory(world, what);
    results.push_back(slot);
  }
  record_claimed(recorder_, std::move(call), results);
}

}  // namespace torch2nnef
