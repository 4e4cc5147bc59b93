#include "export/tape/tape.h"

#include <array>

namespace torch2nnef {
namespace {

struct TypeRow {
  ScalarType type;
  std::string_view name;
  Representation kept;
  enum class Class { kBool, kIntegral, kFloating, kOther } kind;
};
using Class = TypeRow::Class;
using nnef::DType;

constexpr Representation plain(DType item) { return {Representation::Form::kPlain, item}; }
constexpr Representation pair_of(DType part) { return {Representation::Form::kPair, part}; }
constexpr Representation codes(ItemRange range) { return {Representation::Form::kCodes, DType::kF32, range}; }

constexpr std::array<TypeRow, 17> kTypes = {{
    {ScalarType::kBool, "bool", plain(DType::kBool), Class::kBool},
    {ScalarType::kUInt8, "uint8", plain(DType::kU8), Class::kIntegral},
    {ScalarType::kInt8, "int8", plain(DType::kI8), Class::kIntegral},
    {ScalarType::kInt16, "int16", plain(DType::kI16), Class::kIntegral},
    {ScalarType::kInt32, "int32", plain(DType::kI32), Class::kIntegral},
    {ScalarType::kInt64, "int64", plain(DType::kI64), Class::kIntegral},
    {ScalarType::kFloat16, "float16", plain(DType::kF16), Class::kFloating},
    {ScalarType::kFloat32, "float32", plain(DType::kF32), Class::kFloating},
    {ScalarType::kFloat64, "float64", plain(DType::kF64), Class::kFloating},
    {ScalarType::kBFloat16, "bfloat16", {Representation::Form::kRounded, DType::kF32}, Class::kFloating},
    {ScalarType::kComplex32, "complex32", pair_of(DType::kF16), Class::kOther},
    {ScalarType::kComplex64, "complex64", pair_of(DType::kF32), Class::kOther},
    {ScalarType::kComplex128, "complex128", pair_of(DType::kF64), Class::kOther},
    {ScalarType::kQInt8, "qint8", codes({-128, 127}), Class::kOther},
    {ScalarType::kQUInt8, "quint8", codes({0, 255}), Class::kOther},
    {ScalarType::kQInt32, "qint32", codes({-2147483648.0, 2147483647.0}), Class::kOther},
    {ScalarType::kOther, "an unknown dtype", {}, Class::kOther},
}};

const TypeRow& row(ScalarType type) {
  for (const TypeRow& candidate : kTypes) {
    if (candidate.type == type) return candidate;
  }
  return kTypes.back();
}

void add_tensors(const TapeArgument& argument, std::vector<TapeValue>& tensors) {
  if (const TapeValue* value = argument.value(); value != nullptr && *value) tensors.push_back(*value);
  if (const TapeList* list = argument.list()) {
    for (const TapeArgument& item : *list) add_tensors(item, tensors);
  }
}

}  // namespace

std::string_view to_string(ScalarType type) { return row(type).name; }

std::string_view to_string(DrawnInput::Use use) {
  switch (use) {
    case DrawnInput::Use::kIndex:
      return "index";
    case DrawnInput::Use::kLength:
      return "length";
    case DrawnInput::Use::kMask:
      return "mask";
    case DrawnInput::Use::kUnknown:
      break;
  }
  return "unknown";
}

nnef::Dim highest_of(const DrawnInput& drawn) { return nnef::Dim(drawn.lowest - 1) + drawn.count; }

const Representation& representation_of(ScalarType type) { return row(type).kept; }

double shift_to_bytes(ScalarType type, std::int64_t zero_point) {
  return shift_to_bytes(representation_of(type).range, zero_point);
}

std::optional<DType> to_nnef(ScalarType type) {
  const Representation& kept = row(type).kept;
  const bool is_one = kept.form == Representation::Form::kPlain || kept.form == Representation::Form::kRounded;
  return is_one ? std::optional(kept.item) : std::nullopt;
}

ScalarType from_nnef(DType dtype) {
  for (const TypeRow& candidate : kTypes) {
    if (candidate.kept.form == Representation::Form::kPlain && candidate.kept.item == dtype) return candidate.type;
  }
  return ScalarType::kOther;
}

bool is_floating(ScalarType type) { return row(type).kind == Class::kFloating; }

bool is_integral(ScalarType type) { return row(type).kind == Class::kIntegral; }

bool is_complex(ScalarType type) { return representation_of(type).form == Representation::Form::kPair; }

bool is_quantised(ScalarType type) { return representation_of(type).form == Representation::Form::kCodes; }

ScalarType part_type(ScalarType type) { return is_complex(type) ? from_nnef(representation_of(type).item) : type; }

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

std::vector<TapeValue> TapeCall::tensors_read() const {
  std::vector<TapeValue> tensors;
  for (const auto& [name, argument] : arguments) add_tensors(argument, tensors);
  return tensors;
}

std::string TapeCall::full_name() const { return overload.empty() ? op : op + "." + overload; }

}  // namespace torch2nnef
