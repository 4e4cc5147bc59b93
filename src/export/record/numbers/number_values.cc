#include "export/record/numbers/number_values.h"

#include <algorithm>
#include <map>

#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

// The tensor operator of the same meaning, for numbers that no expression of sizes gives.
const char* tensor_operator(const std::string& name) {
  static const std::map<std::string, const char*> kNames = {{"aten::add", "aten::add"},
                                                            {"aten::sub", "aten::sub"},
                                                            {"aten::mul", "aten::mul"},
                                                            {"aten::div", "aten::div"},
                                                            {"aten::floordiv", "aten::floor_divide"},
                                                            {"aten::remainder", "aten::remainder"},
                                                            {"prim::min", "aten::minimum"},
                                                            {"prim::max", "aten::maximum"}};
  auto found = kNames.find(name);
  return found == kNames.end() ? nullptr : found->second;
}

// The same with one operand, and a result in floating point.
bool is_function(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::neg",  "aten::abs",   "aten::sqrt",  "aten::exp",   "aten::log",
                                               "aten::log2", "aten::log10", "aten::log1p", "aten::expm1", "aten::sin",
                                               "aten::cos",  "aten::tan",   "aten::tanh"};
  return kNames.count(name) > 0;
}

// `x and False` and `x or True` are known whatever x is.
bool is_decided(const std::string& op, const Slots& inputs) {
  if (op != "aten::__and__" && op != "aten::__or__") return false;
  return std::any_of(inputs.begin(), inputs.end(), [&](const Slot& input) {
    return !input.note && input.sample().isBool() && input.sample().toBool() == (op == "aten::__or__");
  });
}

}  // namespace

TapeValueInfo number_info(ScalarType type) {
  TapeValueInfo info;
  info.type = type;
  info.is_number = true;
  return info;
}

ScalarType number_type(const c10::IValue& value) {
  return value.isDouble() ? ScalarType::kFloat64 : value.isBool() ? ScalarType::kBool : ScalarType::kInt64;
}

Slot NumberValues::read_item(const Slot& tensor, std::vector<c10::IValue> worlds, const std::string& what) {
  const at::Tensor& sample = tensor.sample().toTensor();
  ScalarType type = number_type(worlds.front());
  TapeValue value = context_.read(sample);
  if (sample.dim() > 0) {
    value = context_.tape.call1(
        "aten::reshape", "", {{"self", {value}}, {"shape", {TapeList{}}}},
        [&] {
          TapeValueInfo info;
          info.type = from_torch(sample.scalar_type());
          return info;
        }(),
        context_.here());
  }
  if (from_torch(sample.scalar_type()) != type || !context_.tape.info(value).is_number) {
    value = context_.tape.call1("aten::to", "dtype", {{"self", {value}}, {"dtype", {std::string(to_string(type))}}},
                                number_info(type), context_.here());
  }
  return {std::move(worlds), Note::data(value, what)};
}

TapeValue NumberValues::value(const c10::IValue& number, const Note& note) {
  if (note.kind == Note::Kind::kData) return note.scalar;
  ScalarType type = number_type(number);
  if (note.kind == Note::Kind::kSizes) {
    TapeValue result = context_.tape.dims({note.ratio}, 0, type, context_.here());
    context_.tape.tape().values[static_cast<std::size_t>(result.id)].is_number = true;
    return result;
  }
  at::Tensor tensor = type == ScalarType::kFloat64 ? at::full({}, number.toDouble(), at::kDouble)
                      : type == ScalarType::kBool  ? at::full({}, number.toBool(), at::kBool)
                                                   : at::full({}, number.toInt(), at::kLong);
  if (type != ScalarType::kBool) tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return context_.tape.constant(tensor, "");
}

Note NumberValues::computed(const c10::FunctionSchema& schema, const Slots& inputs, const Slot& result) {
  Note unknown = Note::data({}, "a number computed by " + schema.name() + " at " + context_.place());
  if (!is_number(result.sample())) return unknown;
  if (is_decided(schema.name(), inputs)) return {};
  std::vector<TapeValue> values;
  for (const Slot& input : inputs) {
    const Note& note = input.note;
    bool known = is_number(input.sample()) && note.kind != Note::Kind::kUnexplained &&
                 (note.kind != Note::Kind::kData || note.scalar);
    if (!known) return unknown;
    const bool widens = result.sample().isDouble() && input.sample().isInt() && note.kind != Note::Kind::kData;
    values.push_back(value(widens ? c10::IValue(static_cast<double>(input.sample().toInt())) : input.sample(), note));
  }
  TapeValueInfo info = number_info(number_type(result.sample()));
  if (result.sample().isBool()) return Note::data(truth(schema.name(), values, info), unknown.text);
  if (TapeValue value = arithmetic(schema.name(), values, info)) return Note::data(value, unknown.text);
  return unknown;
}

// The tensor operator of the same meaning; no value where there is none.
TapeValue NumberValues::arithmetic(const std::string& op, const std::vector<TapeValue>& values,
                                   const TapeValueInfo& info) {
  if (const char* name = tensor_operator(op); name && values.size() == 2) {
    bool no_overload = std::string(name) == "aten::minimum" || std::string(name) == "aten::maximum" ||
                       std::string(name) == "aten::floor_divide";
    return context_.tape.call1(name, no_overload ? "" : "Tensor", {{"self", {values[0]}}, {"other", {values[1]}}}, info,
                               context_.here());
  }
  if (is_function(op) && values.size() == 1) {
    return context_.tape.call1(op, "", {{"self", {values[0]}}}, info, context_.here());
  }
  if ((op == "aten::Int" || op == "aten::Float") && values.size() == 1) {
    return context_.tape.call1("aten::to", "dtype",
                               {{"self", {values[0]}}, {"dtype", {std::string(to_string(info.type))}}}, info,
                               context_.here());
  }
  return {};
}

// Comparisons of numbers, and, or, not; no value for any other operator.
TapeValue NumberValues::truth(const std::string& op, const std::vector<TapeValue>& values, TapeValueInfo info) {
  static const std::map<std::string, std::string> kLogical = {{"aten::__and__", "aten::logical_and"},
                                                              {"aten::__or__", "aten::logical_or"},
                                                              {"aten::__xor__", "aten::logical_xor"}};
  info.is_number = false;
  auto both = [&](const std::string& name, const std::string& overload, TapeValue other) {
    return context_.tape.call1(name, overload, {{"self", {values[0]}}, {"other", {other}}}, info, context_.here());
  };
  if (comparison_sign(op) && values.size() == 2) return both(op, "Tensor", values[1]);
  if (auto found = kLogical.find(op); found != kLogical.end() && values.size() == 2) {
    return both(found->second, "", values[1]);
  }
  if (op == "aten::__not__" && values.size() == 1) {
    return context_.tape.call1("aten::logical_not", "", {{"self", {values[0]}}}, info, context_.here());
  }
  if (op == "aten::Bool" && values.size() == 1) {
    return context_.tape.call1("aten::to", "dtype", {{"self", {values[0]}}, {"dtype", {std::string("bool")}}}, info,
                               context_.here());
  }
  return {};
}

}  // namespace torch2nnef
