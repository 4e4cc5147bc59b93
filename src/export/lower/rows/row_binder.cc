#include "export/lower/rows/row_binder.h"

#include <algorithm>
#include <array>

#include "export/ops/number_types/promote.h"

namespace torch2nnef {
namespace {

using nnef::ParameterSyntax;

constexpr std::string_view kAnyTensor = "tensor<?>";
constexpr std::string_view kFloatTensor = "tensor<scalar>";
constexpr std::array<std::string_view, 4> kAxisNames = {"dim", "dims", "axis", "axes"};

bool is_of_module(const TapeCall& call) {
  return call.op.starts_with(kModuleClass) || call.op.starts_with(kModulePath);
}

bool is_axis_name(const std::string& name) {
  return std::find(kAxisNames.begin(), kAxisNames.end(), name) != kAxisNames.end();
}

// An attribute of a module by its path with underscores: "proj_weight" is "proj.weight". "" when there is none.
std::string attribute_name(const TapeCall& call, const std::string& parameter) {
  for (std::size_t i = call.arguments.size() - call.attributes; i < call.arguments.size(); ++i) {
    std::string name = call.arguments[i].first;
    std::replace(name.begin(), name.end(), '.', '_');
    if (name == parameter) return call.arguments[i].first;
  }
  return "";
}

// The schema's name of a parameter: keywords carry a trailing underscore in rows. "" when the schema has none.
std::string schema_name(const TapeCall& call, const std::string& parameter) {
  if (call.find(parameter)) return parameter;
  if (parameter.size() > 1 && parameter.back() == '_') {
    std::string stripped = parameter.substr(0, parameter.size() - 1);
    if (call.find(stripped)) return stripped;
  }
  return attribute_name(call, parameter);
}

class Binder {
 public:
  Binder(Call& call, const Row& row, RowExpander& expander) : call_(call), row_(row), expander_(expander) {}

  RowBindings bind() {
    match_names();
    check_unnamed();
    choose_dtypes();
    RowBindings bindings;
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      const ParameterSyntax& parameter = parameters()[i];
      const std::string& name = names_[i];
      if (name.empty() || !call_.has(name)) {
        if (is_axis_list(parameter) && !name.empty()) {
          bindings[parameter.name] = axis_list(name);
        } else {
          bindings[parameter.name] = default_of(parameter);
        }
      } else {
        bindings[parameter.name] = bound(parameter, name);
      }
    }
    return bindings;
  }

 private:
  const std::vector<ParameterSyntax>& parameters() const { return row_.syntax.parameters; }
  static bool is_axis_list(const ParameterSyntax& parameter) {
    return parameter.type == "integer[]" && is_axis_name(parameter.name);
  }

  void match_names() {
    for (const ParameterSyntax& parameter : parameters()) {
      names_.push_back(schema_name(call_.tape_call(), parameter.name));
    }
    if (is_of_module(call_.tape_call())) match_inputs();
  }

  // A trace may call a module's inputs as it likes: those that no parameter names go to the tensors that name nothing.
  void match_inputs() {
    const TapeCall& call = call_.tape_call();
    auto parameter = parameters().begin();
    for (const auto& [name, argument] : call.arguments) {
      bool is_free =
          argument.value() && !call.is_attribute(name) && std::find(names_.begin(), names_.end(), name) == names_.end();
      if (!is_free) continue;
      parameter = std::find_if(parameter, parameters().end(), [&](const ParameterSyntax& one) {
        bool is_named = !names_[static_cast<std::size_t>(&one - parameters().data())].empty();
        return !is_named && one.type.starts_with("tensor<") && !one.default_value;
      });
      if (parameter == parameters().end()) return;
      names_[static_cast<std::size_t>(parameter - parameters().begin())] = name;
    }
  }

  void check_unnamed() const {
    for (const auto& [name, argument] : call_.tape_call().arguments) {
      if (std::find(names_.begin(), names_.end(), name) != names_.end()) continue;
      if (!call_.is_default(name)) throw DoesNotApply("argument '" + name + "' is not supported here");
    }
  }

  RowOperand default_of(const ParameterSyntax& parameter) {
    if (parameter.default_value) return expander_.evaluate_default(row_, *parameter.default_value);
    throw DoesNotApply("argument '" + parameter.name + "' is missing");
  }

  // How an argument counts in the promotion of its group: tensors by their recorded facts, numbers by their kind. A
  // number that is left at its default (the alpha of add) decides nothing.
  void add_promotable(const ParameterSyntax& parameter, const std::string& name, std::vector<Promotable>& group) const {
    const TapeArgument& argument = *call_.tape_call().find(name);
    if (argument.value()) {
      group.push_back(Promotable::of(call_.info(name)));
    } else if ((parameter.type == "scalar" && !call_.is_default(name)) || is_tensor(parameter)) {
      group.push_back(std::holds_alternative<bool>(argument.is) ? Promotable::bool_number()
                      : call_.is_integer_number(name)           ? Promotable::integer_number()
                                                                : Promotable::float_number());
    }
  }

  void choose_dtypes() {
    std::vector<Promotable> any, floats;
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      const ParameterSyntax& parameter = parameters()[i];
      if (names_[i].empty() || !call_.has(names_[i])) continue;
      if (parameter.type == kAnyTensor || parameter.type == "scalar") add_promotable(parameter, names_[i], any);
      if (parameter.type == kAnyTensor) has_any_ = true;
      if (parameter.type == kFloatTensor) add_promotable(parameter, names_[i], floats);
    }
    if (has_any_) any_ = format_dtype(result_type(any));
    if (!floats.empty()) float_ = floating_dtype(format_dtype(result_type(floats)));
  }

  static DType format_dtype(ScalarType type) {
    if (std::optional<DType> dtype = to_nnef(type)) return *dtype;
    throw Unsupported("the format has no item type for " + std::string(to_string(type)),
                      "convert the model to float32 before saving it");
  }

  static bool is_tensor(const ParameterSyntax& parameter) {
    return parameter.type == kAnyTensor || parameter.type == kFloatTensor;
  }

  RowOperand bound(const ParameterSyntax& parameter, const std::string& name) {
    const std::string& type = parameter.type;
    // One row may serve the overloads that take a number where others take a tensor.
    if (is_tensor(parameter) && !call_.tape_call().find(name)->value()) return scalar(name);
    if (type == kAnyTensor) return tensor(name, any_);
    if (type == kFloatTensor) return tensor(name, float_);
    if (type == "tensor<logical>") return logical_tensor(name);
    if (type == "tensor<integer>") return integer_tensor(name);
    if (type == "scalar") return scalar(name);
    if (type == "integer") return integer(parameter, name);
    if (type == "logical") return RowOperand::logical(call_.flag(name));
    if (type == "string") return text(name);
    if (is_axis_list(parameter)) return axis_list(name);
    if (type == "integer[]") return integer_list(name);
    if (type == "scalar[]") return number_list(name);
    throw std::logic_error(row_.file + ": parameters of type " + type + " cannot be bound");
  }

  RowOperand tensor(const std::string& name, DType dtype) {
    const TapeValueInfo& info = call_.info(name);
    if (info.constant && info.shape.empty() && dtype != DType::kBool) return typed_number(*info.constant, dtype);
    return RowOperand::tensor(call_.tensor_as(name, dtype));
  }

  static RowOperand typed_number(const ConstantTensor& constant, DType dtype) {
    if (!nnef::is_float(dtype) || !is_floating(constant.scalar_type())) {
      Dim integer(constant.to_integers().at(0));
      return {RowNumber{integer, dtype}};
    }
    return {RowNumber{constant.to_doubles().at(0), dtype}};
  }

  RowOperand logical_tensor(const std::string& name) {
    ScalarType type = call_.type(name);
    if (type != ScalarType::kBool && type != ScalarType::kUInt8) {
      throw DoesNotApply("argument '" + name + "' is " + std::string(to_string(type)) + ", not bool");
    }
    return RowOperand::tensor(call_.tensor_as(name, DType::kBool));
  }

  RowOperand integer_tensor(const std::string& name) {
    if (!is_integral(call_.type(name))) {
      throw DoesNotApply("argument '" + name + "' is " + std::string(to_string(call_.type(name))) + ", no integer");
    }
    return RowOperand::tensor(call_.tensor(name));
  }

  // A Scalar. In a row that computes in floating point it is a float whatever way it is written.
  RowOperand scalar(const std::string& name) {
    const TapeArgument& argument = *call_.tape_call().find(name);
    if (argument.value()) {
      const TapeValueInfo& info = call_.info(name);
      if (!info.constant) return RowOperand::tensor(call_.tensor_as(name, has_any_ ? any_ : float_));
      return typed_number(*info.constant, has_any_ ? any_ : float_);
    }
    if (const double* number = std::get_if<double>(&argument.is)) return RowOperand::number(*number);
    if (const bool* flag = std::get_if<bool>(&argument.is); flag && has_any_) return RowOperand::logical(*flag);
    Dim integer = call_.dim(name);
    if (has_any_ || !integer.is_constant()) return RowOperand::number(integer);
    return RowOperand::number(static_cast<double>(integer.value()));
  }

  RowOperand integer(const ParameterSyntax& parameter, const std::string& name) {
    if (!is_axis_name(parameter.name)) return RowOperand::number(call_.dim(name));
    return RowOperand::number(Dim(static_cast<std::int64_t>(call_.axis(name, tensor_rank()))));
  }

  // dtypes by the format's names, anything else as it is.
  RowOperand text(const std::string& name) {
    std::string text = call_.text(name);
    for (int type = 0; type < static_cast<int>(ScalarType::kOther); ++type) {
      auto candidate = static_cast<ScalarType>(type);
      if (to_string(candidate) == text && to_nnef(candidate)) text = nnef::to_string(*to_nnef(candidate));
    }
    return RowOperand::text(text);
  }

  RowOperand axis_list(const std::string& name) {
    RowOperand::List items;
    for (int axis : call_.axes(name, tensor_rank())) {
      items.push_back(RowOperand::number(Dim(static_cast<std::int64_t>(axis))));
    }
    return RowOperand::list(std::move(items));
  }

  RowOperand integer_list(const std::string& name) {
    RowOperand::List items;
    for (const Dim& item : call_.dims(name)) items.push_back(RowOperand::number(item));
    return RowOperand::list(std::move(items));
  }

  RowOperand number_list(const std::string& name) {
    RowOperand::List items;
    for (double item : call_.numbers(name)) items.push_back(RowOperand::number(item));
    return RowOperand::list(std::move(items));
  }

  // The rank that axes count in: that of the first tensor.
  int tensor_rank() const {
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      if (parameters()[i].type.rfind("tensor<", 0) == 0 && !names_[i].empty() && call_.has(names_[i])) {
        return call_.rank(names_[i]);
      }
    }
    throw std::logic_error(row_.file + ": axes without a tensor");
  }

  Call& call_;
  const Row& row_;
  RowExpander& expander_;
  std::vector<std::string> names_;  // of the schema, by parameter; "" for none
  bool has_any_ = false;
  DType any_ = DType::kF32, float_ = DType::kF32;
};

}  // namespace

RowBindings bind_call(Call& call, const Row& row, RowExpander& expander) { return Binder(call, row, expander).bind(); }

}  // namespace torch2nnef
