// What the operators of a row do: promotion of operands, the dialect's operators, the built-ins.

#include <algorithm>
#include <array>

#include "export/lower/rows/row_expander.h"
#include "export/ops/number_types/promote.h"

namespace torch2nnef {
namespace {

constexpr std::array<std::string_view, 20> kElementwise = {"add",
                                                           "sub",
                                                           "mul",
                                                           "div",
                                                           "pow",
                                                           "min",
                                                           "max",
                                                           "eq",
                                                           "ne",
                                                           "lt",
                                                           "gt",
                                                           "le",
                                                           "ge",
                                                           "and",
                                                           "or",
                                                           "tract_core_bitand",
                                                           "tract_core_bitor",
                                                           "tract_core_bitxor",
                                                           "tract_shl",
                                                           "tract_shr"};

constexpr std::array<std::string_view, 8> kBuiltins = {"rank_of",   "shape_of", "numel_of", "dtype_of",
                                                       "length_of", "range_of", "is_known", "does_not_apply"};

bool is_elementwise(std::string_view op) {
  return std::find(kElementwise.begin(), kElementwise.end(), op) != kElementwise.end();
}

bool takes_logicals(std::string_view op) { return op == "and" || op == "or" || op == "tract_core_xor"; }

bool is_one(const RowOperand& operand) {
  const RowNumber* number = operand.number();
  return number && !number->is_symbolic() && number->to_double() == 1;
}

const RowOperand& only(const std::vector<std::pair<std::string, RowOperand>>& arguments) {
  if (arguments.size() != 1) throw std::logic_error("this takes one argument");
  return arguments[0].second;
}

}  // namespace

bool RowExpander::is_tensor_of(const RowOperand& operand, DType dtype) const {
  return operand.tensor() && b_.dtype(*operand.tensor()) == dtype;
}

bool is_row_builtin(std::string_view name) {
  return std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end();
}

DType floating_dtype(DType dtype) { return dtype == DType::kF64 ? DType::kF64 : DType::kF32; }

DType RowExpander::common_dtype(const std::vector<const RowOperand*>& operands) const {
  std::vector<Promotable> all;
  for (const RowOperand* operand : operands) {
    if (const Value* value = operand->tensor()) {
      all.push_back({from_nnef(b_.dtype(*value)), Promotable::Strength::kTensor});
    } else if (const RowNumber* number = operand->number()) {
      all.push_back(number->dtype        ? Promotable{from_nnef(*number->dtype), Promotable::Strength::kTensor}
                    : number->is_float() ? Promotable::float_number()
                    : number->is_bool()  ? Promotable::bool_number()
                                         : Promotable::integer_number());
    } else {
      throw std::logic_error("neither a tensor nor a number where one is needed");
    }
  }
  if (std::optional<DType> dtype = to_nnef(result_type(all))) return *dtype;
  throw Unsupported("the format has no item type for the dtype in which this is computed");
}

Argument RowExpander::as_argument(const RowOperand& operand, DType dtype) {
  if (const Value* value = operand.tensor()) return b_.cast(*value, dtype);
  const RowNumber& number = *operand.number();
  if (number.is_symbolic()) {
    return b_.add("tract_core_cast", {Argument(*number.dim())},
                  {{"to", Argument(std::string(nnef::to_string(dtype)))}});
  }
  if (nnef::is_float(dtype)) return b_.literal(number.to_double(), dtype);
  return b_.literal(beside_integers(number.to_dim().value(), dtype), dtype);
}

Value RowExpander::materialize(const RowOperand& operand, DType dtype) {
  if (const Value* value = operand.tensor()) return b_.cast(*value, dtype);
  const RowNumber* number = operand.number();
  if (!number) throw std::logic_error("the row gives neither a tensor nor a number");
  if (number->is_symbolic()) return *as_argument(operand, dtype).value();
  if (nnef::is_float(dtype)) return b_.constant(number->to_double(), dtype);
  return b_.constant(number->to_dim().value(), dtype);
}

Value RowExpander::as_logical(const RowOperand& operand) {
  if (const Value* value = operand.tensor()) return b_.cast(*value, DType::kBool);
  return materialize(operand, DType::kBool);
}

RowOperand RowExpander::apply_unary(const std::string& op, const RowOperand& x) {
  if (const RowNumber* number = x.number(); number && !number->is_symbolic()) {
    if (std::optional<RowNumber> folded = fold(op, *number)) return {*folded};
  }
  if (op == "not") return RowOperand::tensor(b_.unary("not", as_logical(x)));
  return RowOperand::tensor(b_.unary(op, materialize(x, common_dtype({&x}))));
}

// tract has no comparison and no arithmetic on bool (T-COMPARE-BOOL); torch's are those of 0 and 1.
RowOperand RowExpander::apply_bool_binary(const std::string& op, Value a, Value b) {
  static const std::map<std::string, std::string> table = {
      {"add", "or"},
      {"mul", "and"},
      {"max", "or"},
      {"min", "and"},
      {"ne", "tract_core_xor"},
      {"tract_core_bitand", "and"},
      {"tract_core_bitor", "or"},
      {"tract_core_bitxor", "tract_core_xor"},
  };
  if (takes_logicals(op)) return RowOperand::tensor(b_.binary(op, a, b));
  if (auto found = table.find(op); found != table.end()) return RowOperand::tensor(b_.binary(found->second, a, b));
  if (op == "eq") return RowOperand::tensor(b_.unary("not", b_.binary("tract_core_xor", a, b)));
  Value result = b_.binary(op, b_.cast(a, DType::kI64), b_.cast(b, DType::kI64));
  return RowOperand::tensor(result);
}

RowOperand RowExpander::apply_binary(const std::string& op, const RowOperand& a, const RowOperand& b) {
  if (a.number() && b.number()) {
    if (std::optional<RowNumber> folded = fold(op, *a.number(), *b.number())) return {*folded};
  }
  if (takes_logicals(op)) return apply_bool_binary(op, as_logical(a), as_logical(b));
  DType dtype = common_dtype({&a, &b});
  if (dtype == DType::kBool) return apply_bool_binary(op, as_logical(a), as_logical(b));
  if (op == "mul" && is_one(a) && is_tensor_of(b, dtype)) return b;
  if (op == "mul" && is_one(b) && is_tensor_of(a, dtype)) return a;
  if (op == "mul" && a.tensor() && b.tensor() && *a.tensor() == *b.tensor()) {
    const Value x = b_.cast(*a.tensor(), dtype);
    return RowOperand::tensor(b_.binary("mul", x, x));
  }
  if (a.number() && b.number()) return RowOperand::tensor(b_.binary(op, materialize(a, dtype), materialize(b, dtype)));
  return RowOperand::tensor(b_.binary(op, as_argument(a, dtype), as_argument(b, dtype)));
}

RowOperand RowExpander::apply_select(const RowOperand& condition, const RowOperand& a, const RowOperand& b) {
  if (const RowNumber* known = condition.number()) return known->to_double() != 0 ? a : b;
  DType dtype = common_dtype({&a, &b});
  if (dtype == DType::kBool) {
    return RowOperand::tensor(b_.select(*condition.tensor(), as_logical(a), as_logical(b)));
  }
  Argument first = a.number() && b.number() ? materialize(a, dtype) : as_argument(a, dtype);
  return RowOperand::tensor(b_.select(as_logical(condition), first, as_argument(b, dtype)));
}

Argument RowExpander::as_attribute(const RowOperand& operand) const {
  if (const Value* value = operand.tensor()) return Argument(*value);
  if (const std::string* text = operand.text()) return Argument(*text);
  if (const RowNumber* number = operand.number()) {
    if (number->is_float()) return Argument(number->to_double());
    if (number->is_bool()) return Argument(number->to_double() != 0);
    return Argument(*number->dim());
  }
  if (!operand.list()) throw std::logic_error("None is not an attribute");
  Argument::Array array;
  for (const RowOperand& item : *operand.list()) array.items.push_back(as_attribute(item));
  return Argument(std::move(array));
}

std::vector<RowOperand> RowExpander::apply_operator(const std::string& op, const Named& arguments,
                                                    std::size_t results) {
  auto at = [&](std::size_t index) -> const RowOperand& { return arguments.at(index).second; };
  if ((is_elementwise(op) || op == "tract_core_xor") && arguments.size() == 2) return {apply_binary(op, at(0), at(1))};
  if (op == "select" && arguments.size() == 3) return {apply_select(at(0), at(1), at(2))};
  if (op == "tract_core_cast" && arguments.size() == 2 && at(1).text()) {
    std::optional<DType> dtype = nnef::dtype_from_string(*at(1).text());
    if (!dtype) throw std::logic_error("no dtype is named " + *at(1).text());
    return {RowOperand::tensor(materialize(at(0), *dtype))};
  }
  const nnef::OperatorDeclaration* declaration = b_.dialect().find(op);
  if (!declaration) throw std::logic_error("the dialect has no operator " + op);
  if (arguments.size() == 1 && declaration->parameters.size() == 1) return {apply_unary(op, at(0))};

  std::vector<Argument> tensors;
  std::vector<nnef::NamedArgument> attributes;
  std::vector<const RowOperand*> scalars;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i].first.empty() ? declaration->parameters.at(i).name : arguments[i].first;
    const nnef::Parameter* parameter = declaration->find(name);
    if (!parameter) throw std::logic_error(op + " has no parameter " + name);
    if (parameter->type == "tensor<scalar>") scalars.push_back(&at(i));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i].first.empty() ? declaration->parameters.at(i).name : arguments[i].first;
    const nnef::Parameter* parameter = declaration->find(name);
    if (parameter->is_tensor_array && at(i).list()) {
      std::vector<const RowOperand*> items;
      for (const RowOperand& item : *at(i).list()) items.push_back(&item);
      std::vector<Value> values;
      for (const RowOperand* item : items) values.push_back(materialize(*item, common_dtype(items)));
      tensors.push_back(Argument(values));
    } else if (parameter->type == "tensor<scalar>") {
      tensors.push_back(materialize(at(i), common_dtype(scalars)));
    } else if (parameter->is_tensor) {
      tensors.push_back(materialize(at(i), common_dtype({&at(i)})));
    } else {
      attributes.push_back({name, as_attribute(at(i))});
    }
  }
  if (results == 1) return {RowOperand::tensor(b_.add(op, std::move(tensors), std::move(attributes)))};
  std::vector<RowOperand> operands;
  for (Value value : b_.add_multi(op, std::move(tensors), std::move(attributes))) {
    operands.push_back(RowOperand::tensor(value));
  }
  return operands;
}

RowOperand RowExpander::builtin(const std::string& name, const Named& arguments) {
  const RowOperand& x = only(arguments);
  if (name == "does_not_apply") throw DoesNotApply(x.text() ? *x.text() : "this form is not supported");
  if (name == "dtype_of") return RowOperand::text(std::string(nnef::to_string(common_dtype({&x}))));
  if (name == "is_known") return RowOperand::logical(!x.tensor());
  Shape shape;
  if (const Value* value = x.tensor()) shape = b_.shape(*value);
  if (name == "rank_of") return RowOperand::number(Dim(static_cast<std::int64_t>(shape.size())));
  if (name == "numel_of") return RowOperand::number(nnef::volume(shape));
  RowOperand::List items;
  if (name == "shape_of") {
    for (const Dim& dim : shape) items.push_back(RowOperand::number(dim));
    return RowOperand::list(std::move(items));
  }
  if (!x.list()) throw std::logic_error(name + " takes a list");
  auto length = static_cast<std::int64_t>(x.list()->size());
  if (name == "length_of") return RowOperand::number(Dim(length));
  for (std::int64_t i = 0; i < length; ++i) items.push_back(RowOperand::number(Dim(i)));
  return RowOperand::list(std::move(items));
}

}  // namespace torch2nnef
