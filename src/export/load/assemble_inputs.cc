#include "export/load/assemble_inputs.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "export/diagnostics.h"
#include "export/load/pickled_inputs.h"

namespace torch2nnef {

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

namespace {

bool is_tensor_type(const c10::TypePtr& type) {
  return type->isSubtypeOf(*c10::TensorType::get()) || type->isSubtypeOf(*c10::OptionalType::ofTensor());
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
  refuse_inputs("--arg " + text + " is not a " + type->annotation_str());
}

// Hands out named tensors by name, else by position.
class Tensors {
 public:
  explicit Tensors(NamedTensors tensors) : tensors_(std::move(tensors)) {
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
  // Those that nobody took.
  NamedTensors rest() const {
    NamedTensors rest;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!used_[i] && !is_result(tensors_[i].first)) rest.push_back(tensors_[i]);
    }
    return rest;
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
  NamedTensors tensors_;
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
    const NamedTensors rest = tensors_.rest();
    if (!rest.empty() && !add_keys(result, rest)) {
      refuse_inputs("there is no argument of " + describe(method_) + " for the input '" + rest.front().first + "'");
    }
    check_extra();
    return result;
  }

  std::vector<c10::IValue> run(const c10::IValue& pickled, const std::string& from) {
    const std::vector<c10::Argument> formals = formal_arguments(method_);
    std::vector<std::optional<c10::IValue>> without_tensors(formals.size());
    for (std::size_t i = 0; i < formals.size(); ++i) {
      const bool is_given = extra_used_ < extra_.size() && !holds_tensors(formals[i].type());
      if (is_given) without_tensors[i] = parse_extra(extra_[extra_used_++], formals[i].type());
    }
    const auto arguments = arranged_arguments(pickled, formals, without_tensors);
    if (!arguments) {
      refuse_inputs("what " + from + " holds does not fit the arguments of " + describe(method_),
                    "save a tuple of all arguments in order, or a dict of them by name");
    }
    check_extra();
    return *arguments;
  }

 private:
  c10::IValue value(const c10::Argument& argument) {
    if (holds_tensors(argument.type())) {
      if (auto tensors = structure(argument.type(), argument.name())) return *tensors;
    } else if (const auto tensor = tensors_.named(argument.name())) {
      if (const auto number = typed_value(*tensor, argument.type())) return *number;
    }
    if (extra_used_ < extra_.size()) return parse_extra(extra_[extra_used_++], argument.type());
    if (argument.default_value()) return *argument.default_value();
    if (argument.type()->kind() == c10::TypeKind::OptionalType) return {};
    if (holds_tensors(argument.type()))
      refuse_inputs("there is no input for the argument '" + argument.name() + "' of " + describe(method_));
    refuse_inputs("the argument '" + argument.name() + "' of " + describe(method_) + " needs a value",
                  "give it with --arg VALUE");
  }

  void check_extra() const {
    if (extra_used_ == extra_.size()) return;
    refuse_inputs("there is no argument of " + describe(method_) + " for --arg " + extra_[extra_used_]);
  }

  // Keys that the method never reads: into the first dict of tensors.
  bool add_keys(std::vector<c10::IValue>& arguments, const NamedTensors& tensors) const {
    const std::vector<c10::Argument> formals = formal_arguments(method_);
    for (std::size_t i = 0; i < formals.size(); ++i) {
      const auto type = formals[i].type()->cast<c10::DictType>();
      const bool takes_tensors = type && type->getKeyType()->kind() == c10::TypeKind::StringType &&
                                 is_tensor_type(type->getValueType()) && arguments[i].isGenericDict();
      if (!takes_tensors) continue;
      auto dict = arguments[i].toGenericDict();
      const std::string prefix = formals[i].name() + "_";
      for (const auto& [name, tensor] : tensors) {
        dict.insert_or_assign(name.starts_with(prefix) ? name.substr(prefix.size()) : name, tensor);
      }
      return true;
    }
    return false;
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

  // A list takes what its name numbers, else as many as the method takes out of it, else all that the arguments behind
  // it leave.
  std::optional<c10::IValue> list_of(const c10::ListType& type, const std::string& name) {
    c10::impl::GenericList list(type.getElementType());
    while (auto tensor = tensors_.named(name + "_" + std::to_string(list.size()))) list.push_back(*tensor);
    if (list.empty()) {
      const std::size_t unpacked = items_unpacked(name), behind = needed_behind(name);
      while (tensors_.left() > (unpacked > 0 ? 0 : behind) && (unpacked == 0 || list.size() < unpacked)) {
        auto item = structure(type.getElementType(), name);
        if (!item) break;
        list.push_back(*item);
      }
    }
    if (list.empty()) return std::nullopt;
    return c10::IValue(list);
  }

  // How many tensors the arguments behind that one take at least.
  std::size_t needed_behind(const std::string& name) const {
    std::size_t count = 0;
    bool is_behind = false;
    for (const c10::Argument& argument : formal_arguments(method_)) {
      if (is_behind && holds_tensors(argument.type()) && !argument.default_value()) {
        count += std::max({items_unpacked(argument.name()), keys_read(argument.name()).size(), std::size_t{1}});
      }
      is_behind = is_behind || argument.name() == name;
    }
    return count;
  }

  // A dict takes arrays by its keys: those that the method reads from it, in that order; where it reads none by name,
  // all that the arguments behind it leave.
  std::optional<c10::IValue> dict_of(const c10::DictType& type, const std::string& name) {
    c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
    const std::vector<std::string> keys = keys_read(name);
    for (const std::string& key : keys) {
      std::optional<at::Tensor> tensor = tensors_.named(key);
      if (!tensor) tensor = tensors_.named(name + "_" + key);
      if (!tensor) tensor = tensors_.next(reserved_);
      if (tensor) dict.insert_or_assign(key, *tensor);
    }
    const bool takes_rest =
        keys.empty() && type.getKeyType()->kind() == c10::TypeKind::StringType && is_tensor_type(type.getValueType());
    if (dict.empty() && !(takes_rest && tensors_.left() > needed_behind(name))) return std::nullopt;
    return c10::IValue(dict);
  }

  const std::vector<torch::jit::Use>& uses_of(const std::string& argument) const {
    static const std::vector<torch::jit::Use> kNone;
    const auto graph = torch::jit::toGraphFunction(method_.function()).graph();
    const std::vector<c10::Argument> formals = formal_arguments(method_);
    for (std::size_t i = 0; i < formals.size(); ++i) {
      if (formals[i].name() == argument) return graph->inputs().at(i + 1)->uses();
    }
    return kNone;
  }

  // A traced method takes all items out of a list at once. 0 when this one does not.
  std::size_t items_unpacked(const std::string& argument) const {
    for (const torch::jit::Use& use : uses_of(argument)) {
      if (use.user->kind() == c10::prim::ListUnpack) return use.user->outputs().size();
    }
    return 0;
  }

  std::vector<std::string> keys_read(const std::string& argument) const {
    std::vector<std::string> keys;
    for (const torch::jit::Use& use : uses_of(argument)) {
      bool is_read = use.offset == 0 && use.user->kind() == c10::aten::__getitem__;
      auto key = is_read ? torch::jit::toIValue(use.user->input(1)) : c10::nullopt;
      bool is_new = key && key->isString() && std::find(keys.begin(), keys.end(), key->toStringRef()) == keys.end();
      if (is_new) keys.push_back(key->toStringRef());
    }
    return keys;
  }

  const torch::jit::Method& method_;
  Tensors tensors_;
  const std::vector<std::string>& extra_;
  std::size_t extra_used_ = 0;
  std::set<std::string> reserved_;
};

}  // namespace

std::vector<c10::Argument> formal_arguments(const torch::jit::Method& method) {
  const auto& all = method.function().getSchema().arguments();
  return {all.begin() + 1, all.end()};
}

void refuse_inputs(const std::string& text, const std::string& hint) {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

std::string describe(const torch::jit::Method& method) {
  std::string text;
  for (const c10::Argument& argument : formal_arguments(method)) {
    text += (text.empty() ? "" : ", ") + argument.name() + ": " + argument.type()->annotation_str();
  }
  return method.name() + "(" + text + ")";
}

bool holds_tensors(const c10::TypePtr& type) {
  if (is_tensor_type(type) || type->kind() == c10::TypeKind::AnyType) return true;
  for (const c10::TypePtr& inner : type->containedTypes()) {
    if (holds_tensors(inner)) return true;
  }
  return false;
}

std::vector<c10::IValue> assembled_arguments(const torch::jit::Method& method, NamedTensors tensors,
                                             const std::vector<std::string>& extra) {
  return Assembler(method, Tensors(std::move(tensors)), extra).run();
}

std::vector<c10::IValue> assembled_arguments(const torch::jit::Method& method, const c10::IValue& value,
                                             const std::vector<std::string>& extra, const std::string& from) {
  return Assembler(method, Tensors({}), extra).run(value, from);
}

}  // namespace torch2nnef
