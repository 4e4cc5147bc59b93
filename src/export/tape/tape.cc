#include "export/tape/tape.h"

#include <array>

namespace torch2nnef {
namespace {

struct TypeRow {
  ScalarType type;
  std::string_view name;
  std::optional<nnef::DType> nnef;
  enum class Class { kBool, kIntegral, kFloating, kComplex, kOther } kind;
};
using Class = TypeRow::Class;

constexpr std::array<TypeRow, 17> kTypes = {{
    {ScalarType::kBool, "bool", nnef::DType::kBool, Class::kBool},
    {ScalarType::kUInt8, "uint8", nnef::DType::kU8, Class::kIntegral},
    {ScalarType::kInt8, "int8", nnef::DType::kI8, Class::kIntegral},
    {ScalarType::kInt16, "int16", nnef::DType::kI16, Class::kIntegral},
    {ScalarType::kInt32, "int32", nnef::DType::kI32, Class::kIntegral},
    {ScalarType::kInt64, "int64", nnef::DType::kI64, Class::kIntegral},
    {ScalarType::kFloat16, "float16", nnef::DType::kF16, Class::kFloating},
    {ScalarType::kFloat32, "float32", nnef::DType::kF32, Class::kFloating},
    {ScalarType::kFloat64, "float64", nnef::DType::kF64, Class::kFloating},
    {ScalarType::kBFloat16, "bfloat16", nnef::DType::kF32, Class::kFloating},
    {ScalarType::kComplex32, "complex32", std::nullopt, Class::kComplex},
    {ScalarType::kComplex64, "complex64", std::nullopt, Class::kComplex},
    {ScalarType::kComplex128, "complex128", std::nullopt, Class::kComplex},
    {ScalarType::kQInt8, "qint8", std::nullopt, Class::kOther},
    {ScalarType::kQUInt8, "quint8", std::nullopt, Class::kOther},
    {ScalarType::kQInt32, "qint32", std::nullopt, Class::kOther},
    {ScalarType::kOther, "an unknown dtype", std::nullopt, Class::kOther},
}};

const TypeRow& row(ScalarType type) {
  for (const TypeRow& candidate : kTypes) {
    if (candidate.type == type) return candidate;
  }
  return kTypes.back();
}

}  // namespace

std::string_view to_string(ScalarType type) { return row(type).name; }

std::optional<nnef::DType> to_nnef(ScalarType type) { return row(type).nnef; }

ScalarType from_nnef(nnef::DType dtype) {
  for (const TypeRow& candidate : kTypes) {
    if (candidate.nnef == dtype) return candidate.type;
  }
  return ScalarType::kOther;
}

bool is_floating(ScalarType type) { return row(type).kind == Class::kFloating; }

bool is_integral(ScalarType type) { return row(type).kind == Class::kIntegral; }

bool is_complex(ScalarType type) { return row(type).kind == Class::kComplex; }

ScalarType part_type(ScalarType type) {
  switch (type) {
    case ScalarType::kComplex32:
      return ScalarType::kFloat16;
    case ScalarType::kComplex64:
      return ScalarType::kFloat32;
    case ScalarType::kComplex128:
      return ScalarType::kFloat64;
    default:
      return type;
  }
}

std::string Location::to_string() const {
  if (!stack.empty()) {
    const SourceLine& line = stack.front();
    std::string text = line.file + ":" + std::to_string(line.line);
    if (!line.function.empty()) text += " in " + line.function;
    if (!line.text.empty()) text += ": " + line.text;
    return text;
  }
  if (module_path.empty()) return module_class;
  return module_class.empty() ? module_path : module_path + " (" + module_class + ")";
}

const TapeArgument* TapeCall::find(std::string_view name) const {
  for (const auto& [key, argument] : arguments) {
    if (key == name) return &argument;
  }
  return nullptr;
}

bool TapeCall::equals_default(std::string_view name) const {
  for (const auto& [key, equal] : is_default) {
    if (key == name) return equal;
  }
  return false;
}

bool TapeCall::is_attribute(std::string_view name) const {
  for (std::size_t i = arguments.size() - attributes; i < arguments.size(); ++i) {
    if (arguments[i].first == name) return true;
  }
  return false;
}

std::string TapeCall::full_name() const { return overload.empty() ? op : op + "." + overload; }

}  // namespace torch2nnef
