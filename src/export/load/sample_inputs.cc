#include "export/load/sample_inputs.h"

#include <algorithm>

#include "export/load/assemble_inputs.h"
#include "export/load/input_values.h"
#include "export/record/torch_types.h"
#include "nnef/archive/npz_bytes.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

[[noreturn]] void no_inputs(const Model::Impl& model, const torch::jit::Method& method) {
  std::string command;
  for (const c10::Argument& argument : formal_arguments(method)) {
    if (argument.default_value()) continue;
    command += " --input " + argument.name() + ":f32:1,3,224,224";
  }
  refuse_inputs("the model needs sample inputs: " + describe(method) + " says no sizes",
                "give them, for example: torch2nnef " + model.path.filename().string() + command +
                    " (your sizes), or --inputs FILE.npz");
}

// Values for tensors of which only sizes are known.
c10::IValue filled(const c10::IValue& value, at::Generator& generator) {
  if (value.isTensor() && value.toTensor().defined()) {
    return random_values(value.toTensor().scalar_type(), value.toTensor().sizes().vec(), generator);
  }
  if (value.isTuple()) {
    std::vector<c10::IValue> items;
    for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(filled(item, generator));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (value.isList()) {
    auto list = value.toList().copy();
    for (std::size_t i = 0; i < list.size(); ++i) list.set(i, filled(list.get(i), generator));
    return list;
  }
  if (value.isGenericDict()) {
    auto dict = value.toGenericDict().copy();
    for (const auto& entry : value.toGenericDict())
      dict.insert_or_assign(entry.key(), filled(entry.value(), generator));
    return dict;
  }
  return value;
}

void add_leaves(const c10::IValue& value, const std::string& name, std::vector<NamedLeaf>& leaves) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) leaves.push_back({name, value.toTensor()});
  } else if (value.isTuple()) {
    int place = 0;
    for (const c10::IValue& item : value.toTupleRef().elements())
      add_leaves(item, name + "_" + std::to_string(place++), leaves);
  } else if (value.isTensorList() ||
             (value.isList() && !value.isIntList() && !value.isDoubleList() && !value.isBoolList())) {
    int place = 0;
    for (const c10::IValue& item : value.toListRef()) add_leaves(item, name + "_" + std::to_string(place++), leaves);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      add_leaves(entry.value(), name + "_" + (entry.key().isString() ? entry.key().toStringRef() : "key"), leaves);
    }
  }
}

c10::IValue replaced(const c10::IValue& value, const std::vector<at::Tensor>& leaves, std::size_t& next) {
  if (value.isTensor()) return value.toTensor().defined() ? c10::IValue(leaves.at(next++)) : value;
  if (value.isTuple()) {
    std::vector<c10::IValue> items;
    for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(replaced(item, leaves, next));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (value.isList()) {
    auto list = value.toList().copy();
    for (std::size_t i = 0; i < list.size(); ++i) list.set(i, replaced(list.get(i), leaves, next));
    return list;
  }
  if (value.isGenericDict()) {
    auto dict = value.toGenericDict().copy();
    for (const auto& entry : value.toGenericDict())
      dict.insert_or_assign(entry.key(), replaced(entry.value(), leaves, next));
    return dict;
  }
  return value;
}

// --input takes the name of an argument, with a place behind it for tuples, lists and dicts, or input_N.
void check_name(const std::string& name, const torch::jit::Method& method) {
  if (name.empty() || number_behind("input_", name)) return;
  for (const c10::Argument& argument : formal_arguments(method)) {
    if (name == argument.name() || name == nnef::make_identifier(argument.name())) return;
    if (argument.type()->kind() != c10::TypeKind::TensorType && name.rfind(argument.name() + "_", 0) == 0) return;
    if (argument.type()->kind() == c10::TypeKind::DictType) return;
  }
  refuse_inputs("--input " + name + ": there is no such argument of " + describe(method));
}

SampleInputs from_file(const Model::Impl& model, const ExportOptions& options, const std::filesystem::path& path,
                       const std::string& from) {
  const torch::jit::Method method = model.module.get_method(options.method);
  const std::vector<std::string>& extra = options.extra_arguments;
  if (path.extension() != ".pt") return {assembled_arguments(method, read_inputs(path), extra), from};
  return {assembled_arguments(method, pickled_value(path), extra, path.filename().string()), from};
}

}  // namespace

std::vector<NamedLeaf> tensor_leaves(const std::vector<c10::IValue>& arguments, const torch::jit::Method& method) {
  std::vector<NamedLeaf> leaves;
  std::vector<c10::Argument> formals = formal_arguments(method);
  for (std::size_t i = 0; i < arguments.size(); ++i) add_leaves(arguments[i], formals.at(i).name(), leaves);
  return leaves;
}

std::vector<c10::IValue> with_leaves(const std::vector<c10::IValue>& arguments, const std::vector<at::Tensor>& leaves) {
  std::vector<c10::IValue> result;
  std::size_t next = 0;
  for (const c10::IValue& argument : arguments) result.push_back(replaced(argument, leaves, next));
  return result;
}

NamedTensors read_inputs(const std::filesystem::path& path) {
  try {
    return npz_tensors(nnef::read_npz(path));
  } catch (const nnef::FormatError& error) {
    refuse_inputs(error.what());
  } catch (const nnef::IoError& error) {
    refuse_inputs(error.what());
  }
}

SampleInputs sample_inputs(const Model::Impl& model, const ExportOptions& options) {
  if (!model.module.find_method(options.method)) {
    std::string names;
    for (const torch::jit::Method& one : model.module.get_methods()) names += (names.empty() ? "" : ", ") + one.name();
    refuse_inputs("the model has no method " + options.method, "it has " + names + " (--method)");
  }
  const torch::jit::Method method = model.module.get_method(options.method);
  at::Generator generator = seeded_generator(options.seed);
  if (model.inputs) return {*model.inputs, model.inputs_from.empty() ? "given with the module" : model.inputs_from};
  if (!options.inputs_file.empty()) {
    return from_file(model, options, options.inputs_file, "read from " + options.inputs_file.filename().string());
  }
  if (!options.inputs.empty()) {
    NamedTensors tensors;
    std::vector<at::Tensor> drawn;
    std::vector<c10::Argument> formals = formal_arguments(method);
    for (const InputSpec& spec : options.inputs) {
      check_name(spec.name, method);
      std::string name = !spec.name.empty()                ? spec.name
                         : tensors.size() < formals.size() ? formals[tensors.size()].name()
                                                           : "input";
      tensors.emplace_back(name, specified_values(spec, generator));
      if (spec.fill.empty()) drawn.push_back(tensors.back().second);
    }
    return {assembled_arguments(method, std::move(tensors), options.extra_arguments),
            "made as --input says, seed " + std::to_string(options.seed), std::move(drawn)};
  }
  if (!model.npz.empty()) {
    return {assembled_arguments(method, npz_tensors(nnef::read_npz(model.npz, "inputs.npz of the archive")),
                                options.extra_arguments),
            "carried by the archive (inputs.npz)"};
  }
  if (auto bundled = options.method == "forward" ? bundled_inputs(model.module) : std::nullopt)
    return {*bundled, "carried by the archive (bundled inputs)"};
  std::filesystem::path beside = model.path;
  beside.replace_extension(".inputs.npz");
  std::error_code error;
  if (!model.path.empty() && std::filesystem::is_regular_file(beside, error)) {
    return from_file(model, options, beside, "read from " + beside.filename().string() + ", beside the model");
  }
  if (model.traced && options.method == "forward") {
    std::vector<c10::IValue> arguments;
    for (const c10::IValue& value : *model.traced) arguments.push_back(filled(value, generator));
    std::vector<at::Tensor> drawn;
    for (const NamedLeaf& leaf : tensor_leaves(arguments, method)) drawn.push_back(leaf.tensor);
    return {std::move(arguments),
            "of the sizes that the model was traced with, values drawn with seed " + std::to_string(options.seed),
            std::move(drawn)};
  }
  const std::vector<c10::Argument> formals = formal_arguments(method);
  if (formals.empty()) return {{}, "none: " + options.method + " takes no arguments"};
  const bool needs_tensors = std::any_of(formals.begin(), formals.end(), [](const c10::Argument& argument) {
    return holds_tensors(argument.type()) && !argument.default_value() &&
           argument.type()->kind() != c10::TypeKind::OptionalType;
  });
  if (!needs_tensors || options.extra_arguments.size() == formals.size()) {
    return {assembled_arguments(method, NamedTensors{}, options.extra_arguments),
            "none: " + options.method + " takes no tensors"};
  }
  no_inputs(model, method);
}

}  // namespace torch2nnef
