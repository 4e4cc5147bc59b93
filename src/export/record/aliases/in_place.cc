// Writes: the functional form of an in-place operator, and the new value carried to whatever shares the memory.

#include <algorithm>
#include <map>

#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

// Operators that change a tensor's sizes and strides and leave its items alone.
bool changes_metadata(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::squeeze_",   "aten::unsqueeze_", "aten::t_",
                                               "aten::transpose_", "aten::swapaxes_",  "aten::swapdims_"};
  return kNames.count(name) > 0;
}

bool is_refused(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::resize_",     "aten::resize_as_", "aten::set_",
                                               "aten::as_strided_", "aten::set_data",   "aten::resize_as_sparse_"};
  return kNames.count(name) > 0;
}

// Names whose functional form is not the name without its last underscore.
std::string functional_name(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {{"aten::__iand__", "aten::bitwise_and"},
                                                            {"aten::__ior__", "aten::bitwise_or"},
                                                            {"aten::__ixor__", "aten::bitwise_xor"},
                                                            {"aten::__ilshift__", "aten::__lshift__"},
                                                            {"aten::__irshift__", "aten::__rshift__"}};
  auto found = kNames.find(name);
  if (found != kNames.end()) return found->second;
  return !name.empty() && name.back() == '_' ? name.substr(0, name.size() - 1) : "";
}

}  // namespace

bool Recorder::run_metadata_write(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                                  const std::vector<Slot>& inputs) {
  if (!changes_metadata(schema.name())) return false;
  const at::Tensor tensor = inputs[0].sample().toTensor();
  CellPtr cell = cells_.of(tensor);
  if (!cell->owner.empty()) throw Unsupported("the model changes the shape of its own " + cell->owner);
  at::Tensor before = tensor.alias();
  std::vector<Slot> results = execute(node, schema, inputs);
  ViewStep step{functional_name(schema.name()), schema.overload_name(), {}};
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    step.arguments.emplace_back(schema.arguments()[i].name(),
                                tape_argument(inputs[i], schema.arguments()[i], schema.name()));
  }
  std::vector<std::pair<std::string, TapeArgument>> arguments = step.arguments;
  bool live = Cells::live(*cell);
  TapeValue value;
  nnef::Shape shape = nnef::make_shape(tensor.sizes().vec());
  if (live) {
    arguments.emplace_back("self", TapeArgument{cells_.read(cell, before, here())});
    std::vector<at::Tensor> worlds;
    for (const c10::IValue& world : inputs[0].worlds) worlds.push_back(world.toTensor());
    shape = explain(step.op, arguments, worlds);
    value = tape_.call1(step.op, step.overload, arguments, facts_of(tensor, shape), here());
  }
  cells_.change_view(tensor, std::move(shape), before, std::move(step), value);
  set_results(node, std::move(results), frame);
  return true;
}

TapeValue Recorder::functional_value(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                                     const CellPtr& cell, std::size_t written) {
  TapeValueInfo info = facts_of(*cell);
  auto argument = [&](std::size_t i) { return tape_argument(inputs.at(i), schema.arguments()[i], schema.name()); };
  if (schema.name() == "aten::copy_") {
    TapeValue source = *argument(1).value();
    TapeValueInfo moved = tape_.info(source);
    if (moved.type != cell->type) {
      TapeValueInfo cast = info;
      cast.shape = moved.shape;
      source = tape_.call1("aten::to", "dtype", {{"self", {source}}, {"dtype", {std::string(to_string(cell->type))}}},
                           cast, here());
    }
    if (moved.shape == cell->shape) return source;
    return tape_.call1("aten::expand", "", {{"self", {source}}, {"size", dims_argument(cell->shape)}}, info, here());
  }
  if (schema.name() == "aten::zero_" || (schema.name() == "aten::fill_" && inputs.at(1).sample().isScalar())) {
    TapeArgument fill = schema.name() == "aten::zero_" ? TapeArgument{nnef::Dim(0)} : argument(1);
    return tape_.call1(
        "aten::full", "",
        {{"size", dims_argument(cell->shape)}, {"fill_value", fill}, {"dtype", {std::string(to_string(cell->type))}}},
        info, here());
  }
  if (schema.name() == "aten::fill_") {
    TapeValue source = *argument(1).value();
    TapeValueInfo cast = info;
    cast.shape.clear();
    source = tape_.call1("aten::to", "dtype", {{"self", {source}}, {"dtype", {std::string(to_string(cell->type))}}},
                         cast, here());
    return tape_.call1("aten::expand", "", {{"self", {source}}, {"size", dims_argument(cell->shape)}}, info, here());
  }
  std::string name = functional_name(schema.name());
  const c10::FunctionSchema* functional =
      name.empty() || written != 0 ? nullptr : find_schema(name, schema.overload_name());
  if (!functional) {
    throw Unsupported("the in-place operator " + schema.name() +
                          (schema.overload_name().empty() ? "" : "." + schema.overload_name()) +
                          " has no functional form that is known",
                      "write the model without it");
  }
  std::vector<std::pair<std::string, TapeArgument>> arguments;
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    if (functional->argumentIndexWithName(schema.arguments()[i].name())) {
      arguments.emplace_back(schema.arguments()[i].name(), argument(i));
    }
  }
  round_operands(name, inputs, arguments);
  return tape_.call1(name, schema.overload_name(), std::move(arguments), info, here());
}

void Recorder::run_in_place(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs,
                            std::size_t written) {
  refuse_random(schema, inputs);
  mark_number(schema, inputs);
  if (is_refused(schema.name())) {
    throw Unsupported(schema.name() + " replaces the memory of a tensor", "write the model without it");
  }
  if (run_metadata_write(node, frame, schema, inputs)) return;
  if (written == 0 && run_contents_in_place(node, frame, schema, inputs)) return;
  const at::Tensor tensor = inputs[written].sample().toTensor();
  std::size_t writes = static_cast<std::size_t>(
      std::count_if(schema.arguments().begin(), schema.arguments().end(),
                    [](const c10::Argument& formal) { return formal.alias_info() && formal.alias_info()->isWrite(); }));
  if (writes != 1) throw Unsupported(schema.name() + " writes several tensors at once", "write the model without out=");
  CellPtr cell = cells_.of(tensor);
  if (round_first_value_ != 0 && Cells::root(*cell).made_at < round_first_value_) {
    no_scan("it writes into a tensor from outside or from the round before (append to a list and torch.stack() it)");
  }
  if (region_ && Cells::root(*cell).made_at < region_->first_value) {
    throw Unsupported("a tensor from outside is written to in " + region_->what,
                      "compute a new tensor there, and use torch.where");
  }
  bool identity = schema.name() == "aten::detach_" || schema.name() == "aten::requires_grad_" ||
                  schema.name() == "aten::dropout_" || schema.name() == "aten::feature_dropout_" ||
                  schema.name() == "aten::alpha_dropout_";
  if (identity) return set_results(node, execute(node, schema, inputs), frame);

  bool recorded = Cells::live(*cell);
  for (const Slot& input : inputs) recorded = recorded || is_live(input.sample()) || notes_.any(input);
  if (!recorded) {
    cells_.prepare_constant_write(cell, tensor);
    std::vector<Slot> results = execute(node, schema, inputs);
    cells_.constant_written(cell);
    return set_results(node, std::move(results), frame);
  }
  cells_.prepare_write(cell, tensor);
  TapeValue value = functional_value(schema, inputs, cell, written);
  std::vector<Slot> results = execute(node, schema, inputs);
  for (const c10::IValue& world : inputs[written].worlds) {
    if (world.toTensor().dim() != static_cast<std::int64_t>(cell->shape.size())) {
      throw Unsupported(schema.name() + " changes the shape of the tensor that it writes");
    }
  }
  if (tensor.sizes().vec() != nnef::evaluate(cell->shape, worlds().front())) {
    throw Unsupported(schema.name() + " changes the shape of the tensor that it writes");
  }
  std::vector<at::Tensor> written_tensors;
  for (const c10::IValue& world : inputs[written].worlds) written_tensors.push_back(world.toTensor());
  take_fingerprint(value, written_tensors);
  cells_.write(cell, value, here());
  set_results(node, std::move(results), frame);
}

}  // namespace torch2nnef
