#include "export/load/pickled_inputs.h"

#include <map>

#include "export/record/slot.h"

namespace torch2nnef {
namespace {

using Values = std::vector<c10::IValue>;

std::optional<c10::IValue> typed_list(const c10::IValue& value, const c10::ListType& type) {
  if (!value.isList() && !value.isTuple()) return std::nullopt;
  c10::impl::GenericList list(type.getElementType());
  for (const c10::IValue& item : items_of(value)) {
    const auto typed = typed_value(item, type.getElementType());
    if (!typed) return std::nullopt;
    list.push_back(*typed);
  }
  return c10::IValue(list);
}

std::optional<c10::IValue> typed_tuple(const c10::IValue& value, const c10::TypePtr& type_pointer) {
  const auto& type = type_pointer->expectRef<c10::TupleType>();
  const Values items = items_of(value);
  const bool fits = (value.isList() || value.isTuple()) && items.size() == type.elements().size();
  if (!fits) return std::nullopt;
  Values typed;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto item = typed_value(items[i], type.elements()[i]);
    if (!item) return std::nullopt;
    typed.push_back(*item);
  }
  if (!type.schema()) return c10::IValue(c10::ivalue::Tuple::create(std::move(typed)));
  return c10::IValue(c10::ivalue::Tuple::createNamed(std::move(typed), type_pointer->cast<c10::TupleType>()));
}

std::optional<c10::IValue> typed_dict(const c10::IValue& value, const c10::DictType& type) {
  if (!value.isGenericDict()) return std::nullopt;
  c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
  for (const auto& entry : value.toGenericDict()) {
    const auto key = typed_value(entry.key(), type.getKeyType()),
               item = typed_value(entry.value(), type.getValueType());
    if (!key || !item) return std::nullopt;
    dict.insert(*key, *item);
  }
  return c10::IValue(dict);
}

// A tensor of one item serves as a number.
std::optional<c10::IValue> typed_number(c10::IValue value, c10::TypeKind kind) {
  if (value.isTensor() && value.toTensor().defined() && value.toTensor().numel() == 1) {
    const at::Scalar item = value.toTensor().item();
    value = item.isBoolean()         ? c10::IValue(item.toBool())
            : item.isIntegral(false) ? c10::IValue(item.toLong())
                                     : c10::IValue(item.toDouble());
  }
  if (!is_number(value)) return std::nullopt;
  if (kind == c10::TypeKind::BoolType) return value.isBool() ? std::optional(value) : std::nullopt;
  if (kind == c10::TypeKind::IntType) return value.isInt() ? std::optional(value) : std::nullopt;
  if (kind == c10::TypeKind::FloatType && value.isInt()) return c10::IValue(static_cast<double>(value.toInt()));
  if (kind == c10::TypeKind::FloatType) return value.isDouble() ? std::optional(value) : std::nullopt;
  return value.isBool() ? std::nullopt : std::optional(value);
}

std::optional<c10::IValue> typed_tensor(const c10::IValue& value) {
  if (value.isTensor()) return value;
  if (value.isBool()) return c10::IValue(at::scalar_tensor(value.toBool(), at::kBool));
  if (value.isInt()) return c10::IValue(at::scalar_tensor(value.toInt(), at::kLong));
  if (value.isDouble()) return c10::IValue(at::scalar_tensor(value.toDouble(), at::kFloat));
  return std::nullopt;
}

// The items of `given` for the arguments at `places`; the others from elsewhere.
std::optional<Values> at_places(const Values& given, const std::vector<std::size_t>& places,
                                const std::vector<c10::Argument>& formals,
                                const std::vector<std::optional<c10::IValue>>& elsewhere) {
  if (given.size() > places.size()) return std::nullopt;
  std::vector<std::optional<c10::IValue>> arguments = elsewhere;
  for (std::size_t i = 0; i < given.size(); ++i) {
    arguments[places[i]] = typed_value(given[i], formals[places[i]].type());
  }
  Values result;
  for (const auto& argument : arguments) {
    if (!argument) return std::nullopt;
    result.push_back(*argument);
  }
  return result;
}

// By the names of the arguments; nullopt when a key is none of them.
std::optional<Values> by_name(const c10::impl::GenericDict& dict, const std::vector<c10::Argument>& formals,
                              const std::vector<std::optional<c10::IValue>>& elsewhere) {
  std::map<std::string, std::size_t> place_of;
  for (std::size_t i = 0; i < formals.size(); ++i) place_of[formals[i].name()] = i;
  Values given;
  std::vector<std::size_t> places;
  for (const auto& entry : dict) {
    const auto place = entry.key().isString() ? place_of.find(entry.key().toStringRef()) : place_of.end();
    if (place == place_of.end()) return std::nullopt;
    given.push_back(entry.value());
    places.push_back(place->second);
  }
  return at_places(given, places, formals, elsewhere);
}

}  // namespace

std::optional<c10::IValue> typed_value(const c10::IValue& value, const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::AnyType:
      return value;
    case c10::TypeKind::OptionalType:
      return value.isNone() ? std::optional(value)
                            : typed_value(value, type->expectRef<c10::OptionalType>().getElementType());
    case c10::TypeKind::TensorType:
      return typed_tensor(value);
    case c10::TypeKind::ListType:
      return typed_list(value, type->expectRef<c10::ListType>());
    case c10::TypeKind::TupleType:
      return typed_tuple(value, type);
    case c10::TypeKind::DictType:
      return typed_dict(value, type->expectRef<c10::DictType>());
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::NumberType:
      return typed_number(value, type->kind());
    default:
      return value.type()->isSubtypeOf(*type) ? std::optional(value) : std::nullopt;
  }
}

std::optional<std::vector<c10::IValue>> arranged_arguments(
    const c10::IValue& value, const std::vector<c10::Argument>& formals,
    const std::vector<std::optional<c10::IValue>>& without_tensors) {
  std::vector<std::optional<c10::IValue>> elsewhere = without_tensors;
  std::vector<std::size_t> all, needed;
  for (std::size_t i = 0; i < formals.size(); ++i) {
    all.push_back(i);
    if (!elsewhere[i] && formals[i].default_value()) elsewhere[i] = *formals[i].default_value();
    if (!elsewhere[i] && formals[i].type()->kind() == c10::TypeKind::OptionalType) elsewhere[i] = c10::IValue();
    if (!without_tensors[i]) needed.push_back(i);
  }
  if (value.isGenericDict()) {
    if (auto arguments = by_name(value.toGenericDict(), formals, elsewhere)) return arguments;
  }
  if (value.isList() || value.isTuple()) {
    const Values items = items_of(value);
    for (const auto& places : {all, needed}) {
      if (auto arguments = at_places(items, places, formals, elsewhere)) return arguments;
    }
  }
  return at_places({value}, needed, formals, elsewhere);
}

}  // namespace torch2nnef
