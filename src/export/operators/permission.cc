#include "export/operators/permission.h"

#include <algorithm>
#include <set>

namespace torch2nnef {
namespace {

// Arguments of type str that choose how something is computed, or are text that is computed with. A path has other
// names ("filename").
bool is_harmless_text(const std::string& argument) {
  static const std::set<std::string> kNames = {"UPLO",
                                               "dict",
                                               "to_add",
                                               "a",
                                               "api_name",
                                               "approximate",
                                               "b",
                                               "chars",
                                               "dim",
                                               "dim0",
                                               "dim1",
                                               "dim2",
                                               "dims",
                                               "driver",
                                               "el",
                                               "end_dim",
                                               "equation",
                                               "fillchar",
                                               "idx",
                                               "indexing",
                                               "input",
                                               "inputs",
                                               "interpolation",
                                               "item",
                                               "key",
                                               "l",
                                               "mode",
                                               "names",
                                               "new",
                                               "norm",
                                               "old",
                                               "ord",
                                               "order",
                                               "out_dim",
                                               "outdim",
                                               "p",
                                               "pad_mode",
                                               "padding",
                                               "reduce",
                                               "rounding_mode",
                                               "s",
                                               "self",
                                               "separator",
                                               "side",
                                               "start_dim",
                                               "string",
                                               "substr",
                                               "t",
                                               "values"};
  return kNames.count(argument) > 0;
}

bool is_packed_parameters(const c10::TypePtr& type) {
  const auto object = type->cast<c10::ClassType>();
  return object && object->name() && object->name()->qualifiedName().ends_with("ParamsBase");
}

// Tensors, numbers, and lists, tuples and dicts of those and of what the model itself made.
bool is_plain(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::ComplexType:
    case c10::TypeKind::NumberType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::NoneType:
    case c10::TypeKind::DeviceObjType:
    case c10::TypeKind::VarType:
    case c10::TypeKind::AnyEnumType:
      return true;
    case c10::TypeKind::ListType:
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::DictType: {
      const auto inside = type->containedTypes();
      return std::all_of(inside.begin(), inside.end(), is_plain);
    }
    default:
      return is_packed_parameters(type);
  }
}

bool holds_text(const c10::TypePtr& type) {
  const auto inside = type->containedTypes();
  return type->kind() == c10::TypeKind::StringType || std::any_of(inside.begin(), inside.end(), holds_text);
}

bool is_generator(const c10::TypePtr& type) {
  const auto optional = type->cast<c10::OptionalType>();
  return optional && optional->getElementType()->kind() == c10::TypeKind::GeneratorType;
}

bool is_plain(const c10::Argument& argument) {
  // TorchScript has no way to make a generator, so that none is ever given.
  if (is_generator(argument.type())) return true;
  if (!is_plain(argument.type())) return false;
  return !holds_text(argument.type()) || is_harmless_text(argument.name());
}

// Kernels of derivatives take indices and sizes on trust, and a model that is exported has no use for them.
bool is_derivative(const std::string& name) { return name.find("backward") != std::string::npos; }

bool is_pure_by_schema(const c10::FunctionSchema& schema) {
  const bool is_of_tensors = schema.name().starts_with("aten::") || schema.name().starts_with("quantized::");
  if (!is_of_tensors || schema.is_vararg() || schema.is_varret() || is_derivative(schema.name())) return false;
  const auto& arguments = schema.arguments();
  if (arguments.empty() || !std::all_of(arguments.begin(), arguments.end(),
                                        [](const c10::Argument& argument) { return is_plain(argument); })) {
    return false;
  }
  const bool writes = std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& argument) {
    return argument.alias_info() && argument.alias_info()->isWrite();
  });
  if (schema.returns().empty()) return writes;  // else it is called for an effect that its schema does not show
  return std::all_of(schema.returns().begin(), schema.returns().end(),
                     [](const c10::Argument& result) { return is_plain(result.type()); });
}

}  // namespace

Permission permission_of(const c10::FunctionSchema& schema) {
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  if (row.is(kRefused)) return Permission::kRefused;
  if (row.is(kHarmless | kNameOnly)) return Permission::kByRow;
  return is_pure_by_schema(schema) ? Permission::kBySchema : Permission::kUnknown;
}

}  // namespace torch2nnef
