#include "export/load/sample_inputs.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

#include "export/load/input_values.h"
#include "export/record/torch_types.h"
#include "nnef/archive/npz_bytes.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

std::vector<c10::Argument> formal_arguments(const torch::jit::Method& method) {
  const auto& all = method.function().getSchema().arguments();
  return {all.begin() + 1, all.end()};
}

[[noreturn]] void fail(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

std::string describe(const torch::jit::Method& method) {
  std::string text;
  for (const c10::Argument& argument : formal_arguments(method)) {
    text += (text.empty() ? "" : ", ") + argument.name() + ": " + argument.type()->annotation_str();
  }
  return method.name() + "(" + text + ")";
}

[[noreturn]] void no_inputs(const Model::Impl& model, const torch::jit::Method& method) {
  std::string command;
  for (const c10::Argument& argument : formal_arguments(method)) {
    if (argument.default_value()) continue;
    command += " --input " + argument.name() + ":f32:1,3,224,224";
  }
  fail("the model needs sample inputs: " + describe(method) + " says no sizes",
       "give them, for example: torch2nnef " + model.path.filename().string() + command +
           " (your sizes), or --inputs FILE.npz");
}

bool is_tensor_type(const c10::TypePtr& type) {
  return type->isSubtypeOf(*c10::TensorType::get()) || type->isSubtypeOf(*c10::OptionalType::ofTensor());
}

bool holds_tensors(const c10::TypePtr& type) {
  if (is_tensor_type(type) || type->kind() == c10::TypeKind::AnyType) return true;
  for (const c10::TypePtr& inner : type->containedTypes()) {
    if (holds_tensors(inner)) return true;
  }
  return false;
}

c10::IValue parse_extra(const std::string& text, const c10::TypePtr& type) {
  c10::TypePtr wanted = type;
  if (auto optional = type->cast<c10::OptionalType>()) {
    if (text == "None") return {};
    wanted = optional->getElementType();
  }
  try {
    std::size_t used = 0;
    switch (wanted->kind()) {
      case c10::TypeKind::StringType:
        return text;
      case c10::TypeKind::BoolType:
        if (text == "true" || text == "True" || text == "1") return true;
        if (text == "false" || text == "False" || text == "0") return false;
        break;
      case c10::TypeKind::FloatType: {
        double number = std::stod(text, &used);
        if (used == text.size()) return number;
        break;
      }
      case c10::TypeKind::IntType: {
        std::int64_t number = std::stoll(text, &used);
        if (used == text.size()) return number;
        break;
      }
      case c10::TypeKind::TensorType: {
        bool integral = text.find_first_of(".eE") == std::string::npos;
        if (integral) return at::scalar_tensor(static_cast<std::int64_t>(std::stoll(text)), at::kLong);
        return at::scalar_tensor(std::stod(text), at::kFloat);
      }
      default:
        break;
    }
  } catch (const std::exception&) {
  }
  fail("--arg " + text + " is not a " + type->annotation_str());
}

// The number that follows a prefix to the end of the name; those too large for a place of an argument are alike.
std::optional<std::uint64_t> number_behind(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return std::nullopt;
  constexpr std::uint64_t kMost = 1'000'000'000;
  std::uint64_t number = 0;
  for (char digit : name.substr(prefix.size())) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = std::min(kMost, 10 * number + static_cast<std::uint64_t>(digit - '0'));
  }
  return number;
}

// Hands out named tensors by name, else by position.
class Tensors {
 public:
  explicit Tensors(std::vector<std::pair<std::string, at::Tensor>> tensors) : tensors_(std::move(tensors)) {
    std::stable_sort(tensors_.begin(), tensors_.end(), [](const auto& a, const auto& b) {
      auto left = position(a.first), right = position(b.first);
      return left && right && *left < *right;
    });
    used_.resize(tensors_.size());
  }

  std::optional<at::Tensor> named(const std::string& name) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!used_[i] && tensors_[i].first == name) return take(i);
    }
    return std::nullopt;
  }
  // The next one whose name is not that of another argument.
  std::optional<at::Tensor> next(const std::set<std::string>& reserved) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!used_[i] && !reserved.count(tensors_[i].first) && !is_result(tensors_[i].first)) return take(i);
    }
    return std::nullopt;
  }
  std::size_t left() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < tensors_.size(); ++i) count += !used_[i] && !is_result(tensors_[i].first);
    return count;
  }
  // A name that nobody took, "" for none.
  std::string first_left() const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!used_[i] && !is_result(tensors_[i].first)) return tensors_[i].first;
    }
    return "";
  }

 private:
  // A file may hold results beside the inputs; an argument of that name is still found by its name.
  static bool is_result(const std::string& name) { return name == "output" || number_behind("output_", name); }
  // input_3 and arr_3 are third.
  static std::optional<std::uint64_t> position(const std::string& name) {
    const auto input = number_behind("input_", name);
    return input ? input : number_behind("arr_", name);
  }
  at::Tensor take(std::size_t index) {
    used_[index] = true;
    return tensors_[index].second;
  }
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
  std::vector<bool> used_;
};

class Assembler {
 public:
  Assembler(const torch::jit::Method& method, Tensors tensors, const std::vector<std::string>& extra)
      : method_(method), tensors_(std::move(tensors)), extra_(extra) {
    for (const c10::Argument& argument : formal_arguments(method)) reserved_.insert(argument.name());
  }

  std::vector<c10::IValue> run() {
    std::vector<c10::IValue> result;
    for (const c10::Argument& argument : formal_arguments(method_)) result.push_back(value(argument));
    if (!tensors_.first_left().empty()) {
      fail("there is no argument of " + describe(method_) + " for the input '" + tensors_.first_left() + "'");
    }
    if (extra_used_ < extra_.size()) {
      fail("there is no argument of " + describe(method_) + " for --arg " + extra_[extra_used_]);
    }
    return result;
  }

 private:
  c10::IValue value(const c10::Argument& argument) {
    if (holds_tensors(argument.type())) {
      if (auto tensors = structure(argument.type(), argument.name())) return *tensors;
    }
    if (extra_used_ < extra_.size()) return parse_extra(extra_[extra_used_++], argument.type());
    if (argument.default_value()) return *argument.default_value();
    if (argument.type()->kind() == c10::TypeKind::OptionalType) return {};
    if (holds_tensors(argument.type()))
      fail("there is no input for the argument '" + argument.name() + "' of " + describe(method_));
    fail("the argument '" + argument.name() + "' of " + describe(method_) + " needs a value",
         "give it with --arg VALUE");
  }

  std::optional<c10::IValue> structure(const c10::TypePtr& type, const std::string& name) {
    if (auto tuple = type->cast<c10::TupleType>()) return elements(*tuple, name);
    if (auto list = type->cast<c10::ListType>()) return list_of(*list, name);
    if (auto dict = type->cast<c10::DictType>()) return dict_of(*dict, name);
    if (auto optional = type->cast<c10::OptionalType>(); optional && !is_tensor_type(type)) {
      return structure(optional->getElementType(), name);
    }
    std::optional<at::Tensor> tensor = tensors_.named(name);
    if (!tensor) tensor = tensors_.next(reserved_);
    if (!tensor) return std::nullopt;
    return c10::IValue(*tensor);
  }

  std::optional<c10::IValue> elements(const c10::TupleType& type, const std::string& name) {
    std::vector<c10::IValue> items;
    for (const c10::TypePtr& element : type.elements()) {
      auto item = structure(element, name + "_" + std::to_string(items.size()));
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
    }
    return c10::IValue(c10::ivalue::Tuple::create(std::move(items)));
  }

  // A list takes what its name numbers, or all that the arguments behind it leave.
  std::optional<c10::IValue> list_of(const c10::ListType& type, const std::string& name) {
    c10::impl::GenericList list(type.getElementType());
    while (auto tensor = tensors_.named(name + "_" + std::to_string(list.size()))) list.push_back(*tensor);
    if (list.empty()) {
      std::size_t behind = 0;
      bool after = false;
      for (const c10::Argument& argument : formal_arguments(method_)) {
        if (after && holds_tensors(argument.type()) && !argument.default_value()) ++behind;
        after = after || argument.name() == name;
      }
      while (tensors_.left() > behind) {
        auto item = structure(type.getElementType(), name);
        if (!item) break;
        list.push_back(*item);
      }
    }
    if (list.empty()) return std::nullopt;
    return c10::IValue(list);
  }

  // A dict takes arrays by its keys: those that forward reads from it, in that order.
  std::optional<c10::IValue> dict_of(const c10::DictType& type, const std::string& name) {
    c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
    for (const std::string& key : keys_read(name)) {
      std::optional<at::Tensor> tensor = tensors_.named(key);
      if (!tensor) tensor = tensors_.named(name + "_" + key);
      if (!tensor) tensor = tensors_.next(reserved_);
      if (tensor) dict.insert_or_assign(key, *tensor);
    }
    if (dict.empty()) return std::nullopt;
    return c10::IValue(dict);
  }

  std::vector<std::string> keys_read(const std::string& argument) const {
    auto graph = torch::jit::toGraphFunction(method_.function()).graph();
    std::vector<c10::Argument> formals = formal_arguments(method_);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < formals.size(); ++i) {
      if (formals[i].name() != argument) continue;
      for (const torch::jit::Use& use : graph->inputs().at(i + 1)->uses()) {
        bool is_read = use.offset == 0 && use.user->kind() == c10::aten::__getitem__;
        auto key = is_read ? torch::jit::toIValue(use.user->input(1)) : c10::nullopt;
        bool is_new = key && key->isString() && std::find(keys.begin(), keys.end(), key->toStringRef()) == keys.end();
        if (is_new) keys.push_back(key->toStringRef());
      }
    }
    return keys;
  }

  const torch::jit::Method& method_;
  Tensors tensors_;
  const std::vector<std::string>& extra_;
  std::size_t extra_used_ = 0;
  std::set<std::string> reserved_;
};

// What is wrong with a file of the user's is an error of the command line.
std::vector<std::pair<std::string, at::Tensor>> read_file(const std::filesystem::path& path) {
  try {
    return npz_tensors(nnef::read_npz(path));
  } catch (const nnef::FormatError& error) {
    fail(error.what());
  } catch (const nnef::IoError& error) {
    fail(error.what());
  }
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
  fail("--input " + name + ": there is no such argument of " + describe(method));
}

SampleInputs from_file(const Model::Impl& model, const ExportOptions& options, const std::filesystem::path& path,
                       const std::string& from) {
  if (path.extension() == ".pt") {
    const torch::jit::Method method = model.module.get_method(options.method);
    SampleInputs read{pickled_arguments(path), from};
    const std::size_t wanted = formal_arguments(method).size();
    if (read.arguments.size() > wanted) {
      fail(path.filename().string() + " holds " + std::to_string(read.arguments.size()) + " arguments, " +
           describe(method) + " takes " + std::to_string(wanted));
    }
    return read;
  }
  return {Assembler(model.module.get_method(options.method), Tensors(read_file(path)), options.extra_arguments).run(),
          from};
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

SampleInputs sample_inputs(const Model::Impl& model, const ExportOptions& options) {
  if (!model.module.find_method(options.method)) {
    std::string names;
    for (const torch::jit::Method& one : model.module.get_methods()) names += (names.empty() ? "" : ", ") + one.name();
    fail("the model has no method " + options.method, "it has " + names + " (--method)");
  }
  const torch::jit::Method method = model.module.get_method(options.method);
  at::Generator generator = seeded_generator(options.seed);
  if (model.inputs) return {*model.inputs, model.inputs_from.empty() ? "given with the module" : model.inputs_from};
  if (!options.inputs_file.empty()) {
    return from_file(model, options, options.inputs_file, "read from " + options.inputs_file.filename().string());
  }
  if (!options.inputs.empty()) {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    std::vector<c10::Argument> formals = formal_arguments(method);
    for (const InputSpec& spec : options.inputs) {
      check_name(spec.name, method);
      std::string name = !spec.name.empty()                ? spec.name
                         : tensors.size() < formals.size() ? formals[tensors.size()].name()
                                                           : "input";
      tensors.emplace_back(name, specified_values(spec, generator));
    }
    return {
        Assembler(model.module.get_method(options.method), Tensors(std::move(tensors)), options.extra_arguments).run(),
        "made as --input says, seed " + std::to_string(options.seed)};
  }
  if (!model.npz.empty()) {
    return {
        Assembler(model.module.get_method(options.method),
                  Tensors(npz_tensors(nnef::read_npz(model.npz, "inputs.npz of the archive"))), options.extra_arguments)
            .run(),
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
    return {std::move(arguments), "of the sizes that the model was traced with, values drawn with seed " +
                                      std::to_string(options.seed) + " (integers are 0 or 1)"};
  }
  if (formal_arguments(method).empty()) return {{}, "none: " + options.method + " takes no arguments"};
  no_inputs(model, method);
}

}  // namespace torch2nnef
