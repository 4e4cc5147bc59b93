#include "export/record/numbers/number_values.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "export/operators/operators.h"
#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

// `x and False` and `x or True` are known whatever x is.
bool is_decided(NumberOp op, const Slots& inputs) {
  if (op != NumberOp::kAnd && op != NumberOp::kOr) return false;
  return std::any_of(inputs.begin(), inputs.end(), [&](const Slot& input) {
    return !input.note && input.sample().isBool() && input.sample().toBool() == (op == NumberOp::kOr);
  });
}

// Of numbers that follow from sizes alone; empty where the values of an input take part.
std::set<std::string> symbols_of_sizes(const Slots& inputs) {
  std::set<std::string> symbols;
  for (const Slot& input : inputs) {
    const Note& note = input.note;
    if (note.kind == Note::Kind::kData && note.symbols.empty()) return {};
    symbols.insert(note.symbols.begin(), note.symbols.end());
    if (note.kind == Note::Kind::kSizes) symbols.merge(note.ratio.numerator.symbols());
  }
  return symbols;
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

std::optional<Note> NumberValues::computed_condition(const Note& condition) {
  static const std::map<std::string, std::string> kOperators = {{"==", "aten::eq"}, {"!=", "aten::ne"},
                                                                {"<", "aten::lt"},  {"<=", "aten::le"},
                                                                {">", "aten::gt"},  {">=", "aten::ge"}};
  if (condition.sign.empty()) return std::nullopt;
  const TapeValue left = value(c10::IValue(std::int64_t{0}), Note::sizes({condition.ratio.numerator, 1}));
  const TapeValue zero = value(c10::IValue(std::int64_t{0}), {});
  const TapeValue holds = truth(kOperators.at(condition.sign), {left, zero}, number_info(ScalarType::kBool));
  if (!holds) return std::nullopt;
  Note note = Note::data(holds, condition.text);
  note.symbols = condition.symbols;
  return note;
}

Note NumberValues::computed(const c10::FunctionSchema& schema, const Slots& inputs, const Slot& result) {
  Note unknown = Note::data({}, "a number computed by " + schema.name() + " at " + context_.place());
  unknown.symbols = symbols_of_sizes(inputs);
  const auto known_as = [&](TapeValue scalar) {
    Note known = unknown;
    known.scalar = scalar;
    return known;
  };
  if (!is_number(result.sample())) return unknown;
  const OperatorRow& row = row_of(schema.name());
  if (is_decided(row.number, inputs)) return {};
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
  if (result.sample().isBool()) return known_as(truth(schema.name(), values, info));
  if (TapeValue value = arithmetic(schema.name(), values, info)) return known_as(value);
  return unknown;
}

// By the operator on tensors that does the same; no value where there is none.
TapeValue NumberValues::arithmetic(const std::string& op, const std::vector<TapeValue>& values,
                                   const TapeValueInfo& info) {
  const OperatorRow& row = row_of(op);
  if (row.is(kConverts) && values.size() == 1) {
    return context_.tape.call1("aten::to", "dtype",
                               {{"self", {values[0]}}, {"dtype", {std::string(to_string(info.type))}}}, info,
                               context_.here());
  }
  const bool takes_two = row.number != NumberOp::kNone && row.number != NumberOp::kNot && !takes_one_number(row.number);
  if (row.as_tensors.empty() || values.size() != (takes_two ? 2U : 1U)) return {};
  const bool is_logic = row.number == NumberOp::kAnd || row.number == NumberOp::kOr || row.number == NumberOp::kXor;
  if (is_logic && info.type != ScalarType::kBool) return {};  // of integers it is another operator
  const std::string name(row.as_tensors);
  if (!takes_two) return context_.tape.call1(name, "", {{"self", {values[0]}}}, info, context_.here());
  if (row.number == NumberOp::kPower) {
    return context_.tape.call1(name, "Tensor_Tensor", {{"self", {values[0]}}, {"exponent", {values[1]}}}, info,
                               context_.here());
  }
  const char* overload = find_schema(name, "Tensor") ? "Tensor" : "";
  return context_.tape.call1(name, overload, {{"self", {values[0]}}, {"other", {values[1]}}}, info, context_.here());
}

TapeValue NumberValues::truth(const std::string& op, const std::vector<TapeValue>& values, TapeValueInfo info) {
  info.is_number = false;
  return arithmetic(op, values, info);
}

}  // namespace torch2nnef
