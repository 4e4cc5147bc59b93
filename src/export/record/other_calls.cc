#include "export/record/other_calls.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/record/functional_twin.h"

namespace torch2nnef {
namespace {

// Where the results of a call with out= go; empty for any other.
std::vector<std::size_t> targets_of(const c10::FunctionSchema& schema) {
  std::vector<std::size_t> targets;
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& formal = schema.arguments()[i];
    if (!formal.alias_info() || !formal.alias_info()->isWrite()) continue;
    if (!formal.kwarg_only()) return {};
    targets.push_back(i);
  }
  return targets;
}

// The arguments by the names that another schema has for them; its defaults for the rest.
Slots inputs_for(const c10::FunctionSchema& other, const c10::FunctionSchema& schema, const Slots& inputs) {
  Slots result;
  for (const c10::Argument& formal : other.arguments()) {
    const auto index = schema.argumentIndexWithName(formal.name());
    const c10::IValue standard = formal.default_value().value_or(c10::IValue());
    result.push_back(index ? inputs.at(static_cast<std::size_t>(*index))
                           : Slot{std::vector<c10::IValue>(inputs.front().worlds.size(), standard), {}});
  }
  return result;
}

bool is_off(RecordContext& context, const Slot& flag) {
  const auto is_zero = [](const c10::IValue& world) {
    return world.isTensor() && world.toTensor().defined() && world.toTensor().count_nonzero().item<std::int64_t>() == 0;
  };
  return !context.is_live(flag.sample()) && std::all_of(flag.worlds.begin(), flag.worlds.end(), is_zero);
}

// An observer that is off leaves scale and zero point as they are.
Slots fake_quantised(OperatorRecorder& recorder, const c10::FunctionSchema& schema, const Slots& inputs) {
  if (is_off(recorder.context(), inputs.at(2))) return {inputs[0]};
  const bool per_channel = inputs.at(11).sample().toBool();
  const Callee plain = per_channel ? find_callee("aten::fake_quantize_per_channel_affine", "")
                                   : find_callee("aten::fake_quantize_per_tensor_affine", "tensor_qparams");
  Slots arguments = inputs_for(plain.schema, schema, inputs);
  if (per_channel) arguments.at(3) = inputs.at(10);
  return recorder.call(plain, std::move(arguments));
}

// A tensor of another size takes the size of the results, as long as nothing else shares its memory.
void resize(RecordContext& context, const std::string& op, const Slot& target, const Slot& source) {
  const at::Tensor tensor = target.sample().toTensor();
  const CellPtr cell = context.cells.of(tensor);
  const nnef::Shape shape = context.cells.of(source.sample().toTensor())->shape;
  if (cell->shape == shape) return;
  if (!cell->owner.empty()) context.cells.prepare_constant_write(cell, tensor);  // throws AttributeWritten
  if (cell->base || !cell->owner.empty()) {
    throw Unsupported(op + " gives the tensor of its argument out= another size", "give it one of the right size");
  }
  for (std::size_t world = 0; world < context.world_count(); ++world) {
    target.worlds[world].toTensor().resize_(source.worlds[world].toTensor().sizes());
  }
  context.cells.add_root(tensor, shape, false, {});
}

// The tensors of out= are apart, and the operator itself takes them: it does not cast its results to every dtype.
void check_targets(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs,
                   const std::vector<std::size_t>& targets, const Slots& results) {
  bool casts = false;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const at::Tensor tensor = inputs[targets[i]].sample().toTensor();
    casts = casts || tensor.scalar_type() != results[i].sample().toTensor().scalar_type();
    for (std::size_t other = 0; other < i; ++other) {
      if (!tensor.is_alias_of(inputs[targets[other]].sample().toTensor())) continue;
      throw Unsupported("two results are written into one tensor", "give each result a tensor of its own");
    }
  }
  if (!casts) return;
  Slots copies = inputs;
  for (std::size_t target : targets) {
    for (c10::IValue& world : copies[target].worlds) world = world.toTensor().clone();
  }
  execute(context, find_callee(schema.name(), schema.overload_name()), copies);
}

}  // namespace

std::optional<Slots> call_as_other(OperatorRecorder& recorder, const c10::FunctionSchema& schema, const Slots& inputs) {
  RecordContext& context = recorder.context();
  if (row_of(schema.name()).is(kObserves) && is_off(context, inputs.at(1))) {
    return fake_quantised(recorder, schema, inputs);
  }
  const std::vector<std::size_t> targets = targets_of(schema);
  const c10::FunctionSchema* twin = targets.empty() ? nullptr : functional_twin(schema);
  if (!twin || targets.size() != twin->returns().size()) return std::nullopt;
  const Slots results =
      recorder.call(find_callee(twin->name(), twin->overload_name()), inputs_for(*twin, schema, inputs));
  check_targets(context, schema, inputs, targets, results);
  const Slot no{std::vector<c10::IValue>(context.world_count(), false), {}};
  Slots written;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Slot& target = inputs[targets[i]];
    resize(context, schema.name(), target, results.at(i));
    recorder.call(find_callee("aten::copy_", ""), {target, results[i], no});
    written.push_back(target);
  }
  return written;
}

}  // namespace torch2nnef
