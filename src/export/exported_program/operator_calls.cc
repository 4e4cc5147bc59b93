#include "export/exported_program/operator_calls.h"

#include <algorithm>

#include "export/diagnostics.h"
#include "export/operators/operators.h"
#include "export/record/tape_writer.h"
#include "export/torchscript/own_operators.h"

namespace torch2nnef {
namespace {

using c10::TypeKind;

const Slot* find(const NamedSlots& arguments, const std::string& name) {
  for (const auto& [key, slot] : arguments) {
    if (key == name) return &slot;
  }
  return nullptr;
}

bool is_tensor_type(const c10::TypePtr& type) { return type->isSubtypeOf(*c10::TensorType::get()); }

// Whether `other` is the overload of `schema` that takes numbers where tensors were asked for and numbers are given.
bool takes_numbers(const c10::FunctionSchema& schema, const c10::FunctionSchema& other, const NamedSlots& arguments) {
  if (schema.arguments().size() != other.arguments().size()) return false;
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument &asked = schema.arguments()[i], &taken = other.arguments()[i];
    if (asked.name() != taken.name()) return false;
    const Slot* given = find(arguments, asked.name());
    const bool is_number_for_tensor = given != nullptr && is_number(given->sample()) && is_tensor_type(asked.type());
    if (is_number_for_tensor ? taken.type()->kind() != TypeKind::NumberType : !(*asked.type() == *taken.type())) {
      return false;
    }
  }
  return true;
}

// Numbers in the place of tensors take no part in promotion, as in the overloads for numbers.
Callee callee_for(const std::string& name, const std::string& overload, const NamedSlots& arguments) {
  const Callee asked = find_callee(name, overload);
  const bool has_numbers =
      std::any_of(asked.schema.arguments().begin(), asked.schema.arguments().end(), [&](const c10::Argument& formal) {
        const Slot* given = find(arguments, formal.name());
        return given != nullptr && is_number(given->sample()) && is_tensor_type(formal.type());
      });
  if (!has_numbers) return asked;
  for (const auto& candidate : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name))) {
    if (takes_numbers(asked.schema, candidate->schema(), arguments)) {
      return {candidate->schema(), candidate->getOperation()};
    }
  }
  return asked;
}

// What an argument says that the linked libtorch does not know: nothing, or the default of a newer release.
bool says_nothing(const Slot& slot) {
  const c10::IValue& value = slot.sample();
  return value.isNone() || (value.isBool() && !value.toBool());
}

c10::IValue as_list_of(const c10::IValue& value, const c10::ListType& type) {
  const TypeKind item = type.getElementType()->kind();
  std::vector<c10::IValue> items = items_of(value);
  if (!value.isList() && !value.isTuple()) items = {value};
  switch (item) {
    case TypeKind::IntType: {
      c10::List<std::int64_t> list;
      for (const c10::IValue& one : items) list.push_back(one.toInt());
      return list;
    }
    case TypeKind::FloatType: {
      c10::List<double> list;
      for (const c10::IValue& one : items)
        list.push_back(one.isInt() ? static_cast<double>(one.toInt()) : one.toDouble());
      return list;
    }
    case TypeKind::BoolType: {
      c10::List<bool> list;
      for (const c10::IValue& one : items) list.push_back(one.toBool());
      return list;
    }
    case TypeKind::TensorType: {
      c10::List<at::Tensor> list;
      for (const c10::IValue& one : items) list.push_back(one.toTensor());
      return list;
    }
    default: {
      c10::impl::GenericList list(type.getElementType());
      for (const c10::IValue& one : items) list.push_back(one);
      return list;
    }
  }
}

// Whether a value is of a type as it is; numbers and lists of another type are converted.
bool needs_conversion(const c10::IValue& value, const c10::TypePtr& type) {
  if (type->kind() == TypeKind::FloatType) return value.isInt();
  if (type->kind() == TypeKind::ListType) return !value.type()->isSubtypeOf(*type);
  return false;
}

}  // namespace

Slot same_in_all(const RecordContext& context, const c10::IValue& value) {
  return {std::vector<c10::IValue>(const_cast<RecordContext&>(context).world_count(), value), {}};
}

// A number that is given where only a tensor is taken: a constant that does not promote, or what the Tape has of it.
Slot OperatorCalls::number_as_tensor(const Slot& number) {
  if (number.note) {
    const Callee callee = find_callee("aten::tensor", number.sample().isDouble() ? "float" : "int");
    NamedSlots arguments{{"t", number}};
    return call1(callee.schema.name(), callee.schema.overload_name(), arguments);
  }
  const c10::IValue& value = number.sample();
  const at::Scalar scalar = value.toScalar();
  at::Tensor tensor = at::scalar_tensor(scalar, value.isDouble() ? at::kDouble
                                                : value.isBool() ? at::kBool
                                                                 : at::kLong);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  context_.cells.of(tensor)->owner = "constant";
  return constant(tensor);
}

Slot OperatorCalls::converted(Slot slot, const c10::Argument& formal, const std::string& op) {
  c10::TypePtr type = formal.type();
  if (const auto optional = type->cast<c10::OptionalType>()) {
    if (slot.sample().isNone()) return slot;
    type = optional->getElementType();
  }
  if (is_tensor_type(type)) return is_number(slot.sample()) ? number_as_tensor(slot) : slot;
  if (!needs_conversion(slot.sample(), type)) return slot;
  try {
    const Note note = slot.note;
    const std::vector<Note> notes =
        slot.sample().isList() ? context_.notes.get(slot.sample()) : std::vector<Note>{note};
    for (c10::IValue& world : slot.worlds) {
      world = type->kind() == TypeKind::FloatType ? c10::IValue(static_cast<double>(world.toInt()))
                                                  : as_list_of(world, type->expectRef<c10::ListType>());
    }
    const bool any = std::any_of(notes.begin(), notes.end(), [](const Note& one) { return static_cast<bool>(one); });
    if (slot.sample().isList()) {
      if (any) context_.notes.set(slot.sample(), notes);
      slot.note = {};
    }
    return slot;
  } catch (const c10::Error&) {
    throw Unsupported(op + " is given a " + slot.sample().tagKind() + " as " + formal.name());
  }
}

Slots OperatorCalls::call(const std::string& name, const std::string& overload, const NamedSlots& arguments) {
  const Callee callee = callee_for(name, overload, arguments);
  const std::string op = c10::toString(c10::OperatorName(name, overload));
  Slots inputs;
  std::size_t used = 0;
  for (const c10::Argument& formal : callee.schema.arguments()) {
    if (const Slot* given = find(arguments, formal.name())) {
      ++used;
      inputs.push_back(converted(*given, formal, op));
    } else if (formal.default_value()) {
      inputs.push_back(constant(*formal.default_value()));
    } else if (formal.type()->kind() == TypeKind::OptionalType) {
      inputs.push_back(constant({}));
    } else {
      throw Unsupported(op + " is called without its argument " + formal.name());
    }
  }
  for (const auto& [key, slot] : arguments) {
    if (callee.schema.argumentIndexWithName(key) || says_nothing(slot)) continue;
    throw Unsupported(op + " has no argument " + key + " in libtorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
                      std::to_string(TORCH_VERSION_MINOR));
  }
  if (std::optional<Slot> defined = run_definition(recorder_, callee.schema, inputs)) return {std::move(*defined)};
  return recorder_.call(callee, std::move(inputs));
}

Slot OperatorCalls::call1(const std::string& name, const std::string& overload, const NamedSlots& arguments) {
  return call(name, overload, arguments).at(0);
}

std::optional<at::ScalarType> OperatorCalls::dtype_of_result(const std::string& name, const std::string& overload,
                                                             const NamedSlots& arguments) const {
  try {
    Callee callee = callee_for(name, overload, arguments);
    torch::jit::Stack stack;
    for (const c10::Argument& formal : callee.schema.arguments()) {
      const Slot* given = find(arguments, formal.name());
      c10::IValue value = given != nullptr ? given->sample() : formal.default_value().value_or(c10::IValue());
      if (needs_conversion(value, formal.type())) {
        value = formal.type()->kind() == TypeKind::FloatType
                    ? c10::IValue(static_cast<double>(value.toInt()))
                    : as_list_of(value, formal.type()->expectRef<c10::ListType>());
      }
      stack.push_back(std::move(value));
    }
    callee.operation(stack);
    if (!stack.empty() && stack.front().isTensor()) return stack.front().toTensor().scalar_type();
  } catch (const std::exception&) {  // of a kernel: it does not mix these dtypes
  }
  return std::nullopt;
}

Slot OperatorCalls::numbers(const std::string& name, const Slots& operands) {
  const auto fits = [](const c10::IValue& value, TypeKind kind) {
    return (kind == TypeKind::IntType && value.isInt()) || (kind == TypeKind::FloatType && value.isDouble()) ||
           (kind == TypeKind::BoolType && value.isBool());
  };
  if (row_of(name).number == NumberOp::kPower && operands.size() == 2) {
    if (const auto power = whole_power(operands[0], operands[1])) return *power;
  }
  std::shared_ptr<torch::jit::Operator> found;
  for (const auto& candidate : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name))) {
    const c10::FunctionSchema& schema = candidate->schema();
    bool is_right = schema.arguments().size() == operands.size() && schema.returns().size() == 1;
    for (std::size_t i = 0; is_right && i < operands.size(); ++i) {
      is_right = fits(operands[i].sample(), schema.arguments()[i].type()->kind());
    }
    if (is_right && !found) found = candidate;
  }
  if (!found) throw Unsupported(name + " of these numbers is not known");
  return recorder_.call({found->schema(), found->getOperation()}, operands).at(0);
}

// An integer to a small power as a product, which follows from sizes.
std::optional<Slot> OperatorCalls::whole_power(const Slot& base, const Slot& exponent) {
  constexpr std::int64_t kLargest = 8;
  if (!base.sample().isInt() || !exponent.sample().isInt() || exponent.note) return std::nullopt;
  const std::int64_t times = exponent.sample().toInt();
  if (times < 1 || times > kLargest) return std::nullopt;
  Slot product = base;
  for (std::int64_t i = 1; i < times; ++i) product = numbers("aten::mul", {product, base});
  return product;
}

}  // namespace torch2nnef
