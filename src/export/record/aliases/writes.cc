#include "export/record/aliases/writes.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/record/bfloat16_operands.h"
#include "export/record/functional_twin.h"
#include "export/record/regions/regions.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

// Operators that change a tensor's sizes and strides and leave its items alone: a view in the place of its base.
bool changes_metadata(const std::string& name) {
  const OperatorRow& row = row_of(name);
  return row.is(kView) && row.undo != Undo::kNone && row.undo != Undo::kSame;
}

// It leaves what values depend on alone, at least outside of training.
bool changes_nothing(const std::string& name) {
  const OperatorRow& row = row_of(name);
  return row.is(kOnlyMarks | kDropout) || row.undo == Undo::kSame;
}

std::vector<at::Tensor> tensors_of(const Slot& slot) {
  std::vector<at::Tensor> worlds;
  for (const c10::IValue& world : slot.worlds) worlds.push_back(world.toTensor());
  return worlds;
}

}  // namespace

Slots Writes::change_metadata(const Callee& callee, const Slots& inputs) {
  const c10::FunctionSchema& schema = callee.schema;
  const at::Tensor tensor = inputs[0].sample().toTensor();
  CellPtr cell = context_.cells.of(tensor);
  if (!cell->owner.empty()) throw Unsupported("the model changes the shape of its own " + cell->owner);
  at::Tensor before = tensor.alias();
  Slots results = execute(context_, callee, inputs);
  ViewStep step{functional_name(schema.name()), schema.overload_name(), {}};
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    step.arguments.emplace_back(schema.arguments()[i].name(),
                                arguments_.one(inputs[i], schema.arguments()[i], schema.name()));
  }
  TapeValue value;
  nnef::Shape shape = nnef::make_shape(tensor.sizes().vec());
  if (Cells::live(*cell)) {
    NamedArguments arguments = step.arguments;
    arguments.emplace_back("self", TapeArgument{context_.cells.read(cell, before, context_.here())});
    shape = results_.explain(step.op, arguments, tensors_of(inputs[0]));
    value = context_.tape.call1(step.op, step.overload, arguments, facts_of(tensor, shape), context_.here());
  }
  context_.cells.change_view(tensor, std::move(shape), before, std::move(step), value);
  return results;
}

TapeValue Writes::cast_to(TapeValue source, const CellPtr& cell, nnef::Shape shape) {
  TapeValueInfo cast = facts_of(*cell);
  cast.shape = std::move(shape);
  return context_.tape.call1("aten::to", "dtype", {{"self", {source}}, {"dtype", {std::string(to_string(cell->type))}}},
                             cast, context_.here());
}

TapeValue Writes::expanded(TapeValue source, const CellPtr& cell) {
  return context_.tape.call1("aten::expand", "", {{"self", {source}}, {"size", dims_argument(cell->shape)}},
                             facts_of(*cell), context_.here());
}

// Operators that give the tensor items that do not depend on those that it has; no value for any other operator.
TapeValue Writes::replaced(const c10::FunctionSchema& schema, const Slots& inputs, const CellPtr& cell) {
  auto argument = [&](std::size_t i) { return arguments_.one(inputs.at(i), schema.arguments()[i], schema.name()); };
  const Fill fill = row_of(schema.name()).fill;
  if (fill == Fill::kSource) {
    TapeValue source = *argument(1).value();
    const TapeValueInfo moved = context_.tape.info(source);
    if (moved.type != cell->type) source = cast_to(source, cell, moved.shape);
    return moved.shape == cell->shape ? source : expanded(source, cell);
  }
  if (fill == Fill::kZero || (fill == Fill::kValue && inputs.at(1).sample().isScalar())) {
    TapeArgument value = fill == Fill::kZero ? TapeArgument{nnef::Dim(0)} : argument(1);
    return context_.tape.call1(
        "aten::full", "",
        {{"size", dims_argument(cell->shape)}, {"fill_value", value}, {"dtype", {std::string(to_string(cell->type))}}},
        facts_of(*cell), context_.here());
  }
  if (fill == Fill::kValue) return expanded(cast_to(*argument(1).value(), cell, {}), cell);
  return {};
}

TapeValue Writes::functional_value(const c10::FunctionSchema& schema, const Slots& inputs, const CellPtr& cell,
                                   std::size_t written) {
  if (TapeValue value = replaced(schema, inputs, cell)) return value;
  const c10::FunctionSchema* functional = written != 0 ? nullptr : functional_twin(schema);
  if (!functional) {
    throw Unsupported("the in-place operator " + schema.name() +
                          (schema.overload_name().empty() ? "" : "." + schema.overload_name()) +
                          " has no functional form that is known",
                      "write the model without it");
  }
  NamedArguments arguments;
  std::vector<c10::IValue> values;
  for (const c10::Argument& formal : functional->arguments()) {
    const auto index = schema.argumentIndexWithName(formal.name());
    if (!index) {
      values.push_back(formal.default_value().value_or(c10::IValue()));
      continue;
    }
    const auto place = static_cast<std::size_t>(*index);
    values.push_back(inputs.at(place).sample());
    arguments.emplace_back(formal.name(), arguments_.one(inputs[place], schema.arguments()[place], schema.name()));
  }
  round_operands(context_, functional->name(), inputs, arguments);
  TapeValueInfo computed = facts_of(*cell);
  if (const auto dtype = dtype_of_result(*functional, std::move(values))) computed.type = from_torch(*dtype);
  const bool is_other = computed.type != cell->type;
  const TapeValue value = context_.tape.call1(functional->name(), functional->overload_name(), std::move(arguments),
                                              std::move(computed), context_.here());
  return is_other ? cast_to(value, cell, cell->shape) : value;
}

Slots Writes::call(const Callee& callee, const Slots& inputs, std::size_t written) {
  const c10::FunctionSchema& schema = callee.schema;
  if (changes_metadata(schema.name())) return change_metadata(callee, inputs);
  if (written == 0) {
    if (std::optional<Slots> results = contents_.write(callee, inputs)) return std::move(*results);
  }
  auto writes = std::count_if(schema.arguments().begin(), schema.arguments().end(), [](const c10::Argument& formal) {
    return formal.alias_info() && formal.alias_info()->isWrite();
  });
  if (writes != 1) throw Unsupported(schema.name() + " writes several tensors at once", "write the model without out=");
  CellPtr cell = context_.cells.of(inputs[written].sample().toTensor());
  refuse_older(context_, *cell);
  if (changes_nothing(schema.name())) return execute(context_, callee, inputs);
  bool recorded = Cells::live(*cell);
  for (const Slot& input : inputs) recorded = recorded || context_.depends(input);
  return recorded ? write_recorded(callee, inputs, cell, written) : write_constants(callee, inputs, cell, written);
}

Slots Writes::write_constants(const Callee& callee, const Slots& inputs, const CellPtr& cell, std::size_t written) {
  context_.cells.prepare_constant_write(cell, inputs[written].sample().toTensor());
  Slots results = execute(context_, callee, inputs);
  context_.cells.constant_written(cell);
  return results;
}

Slots Writes::write_recorded(const Callee& callee, const Slots& inputs, const CellPtr& cell, std::size_t written) {
  const at::Tensor tensor = inputs[written].sample().toTensor();
  context_.cells.prepare_write(cell, tensor);
  TapeValue value = functional_value(callee.schema, inputs, cell, written);
  Slots results = execute(context_, callee, inputs);
  const std::vector<at::Tensor> worlds = tensors_of(inputs[written]);
  bool same_rank = std::all_of(worlds.begin(), worlds.end(), [&](const at::Tensor& world) {
    return world.dim() == static_cast<std::int64_t>(cell->shape.size());
  });
  if (!same_rank || tensor.sizes().vec() != nnef::evaluate(cell->shape, context_.worlds().front())) {
    throw Unsupported(callee.schema.name() + " changes the shape of the tensor that it writes");
  }
  context_.take_fingerprint(value, worlds);
  context_.cells.write(cell, value, context_.here());
  return results;
}

}  // namespace torch2nnef
