#include "export/record/call_arguments.h"

#include <ATen/native/quantized/PackedParams.h>

#include "export/operators/operators.h"
#include "export/record/bfloat16_operands.h"
#include "export/record/numbers/size_math.h"

namespace torch2nnef {
namespace {

void refuse_unexplained(RecordContext& context, const Note& note, const std::string& op) {
  context.refuse("T2N-R008",
                 "an argument of " + op + " depends on a dynamic size, and no expression of sizes for it was found" +
                     (note.text.empty() ? "" : " (" + note.text + ")"),
                 "make that axis static", op);
}

template <class Params>
c10::intrusive_ptr<Params> custom(const c10::IValue& value, const std::string& name, const char* wanted) {
  if (!name.ends_with(wanted)) return {};
  return value.toCustomClass<Params>();
}

template <int axes>
void append_convolution(const ConvPackedParamsBase<axes>& params, TapeList& list) {
  auto numbers = [](const torch::List<std::int64_t>& values) {
    TapeList items;
    for (std::int64_t value : values) items.push_back({nnef::Dim(value)});
    return TapeArgument{std::move(items)};
  };
  for (const auto& values : {params.stride(), params.padding(), params.output_padding(), params.dilation()}) {
    list.push_back(numbers(values));
  }
  list.push_back({nnef::Dim(params.groups())});
  list.push_back({params.transpose()});
}

}  // namespace

TapeArgument CallArguments::number(const c10::IValue& value, const Note& note, const std::string& formal,
                                   const std::string& op) {
  bool takes_tensor = formal.rfind("Scalar", 0) == 0 && formal.rfind("ScalarType", 0) != 0;
  switch (note.kind) {
    case Note::Kind::kNone:
      break;
    case Note::Kind::kSizes:
      if (value.isBool()) break;  // a condition on sizes that holds in all worlds: a constraint
      if (note.ratio.denominator == 1) return {note.ratio.numerator};
      if (takes_tensor) return {numbers_.value(value, note)};
      context_.refuse("T2N-R008",
                      "an argument of " + op + " is " + to_string(note.ratio) + ", which is not an expression of sizes",
                      "make that axis static", op);
      break;
    case Note::Kind::kData:
      if (takes_tensor && note.scalar) return {note.scalar};
      if (!note.symbols.empty()) {
        refuse_unexplained(context_, note, op);
        break;
      }
      context_.refuse("T2N-R007",
                      "an argument of " + op + " depends on the values of an input" +
                          (note.text.empty() ? "" : " (" + note.text + ")"),
                      row_of(op).is(kBetweenBounds)
                          ? "take a part of a fixed length: torch.narrow(x, dim, start, length)"
                          : "keep it a tensor, or make it a constant of the model",
                      op);
      break;
    case Note::Kind::kUnexplained:
      refuse_unexplained(context_, note, op);
      break;
  }
  if (value.isBool() && note.kind == Note::Kind::kSizes) {
    context_.constrain(value.toBool() ? note : negated(note), true, "an argument of a call");
  }
  return plain_argument(value, formal);
}

// Of a quantised recurrent layer in one direction: its kind, the two packed weights, and whether inputs are quantised
// to 7 bits. libtorch shows of it what it would save.
std::optional<TapeArgument> CallArguments::packed_cell(const c10::IValue& value) {
  torch::jit::Function* save = value.toObjectRef().type()->findMethod("__getstate__");
  if (save == nullptr) return std::nullopt;
  const c10::IValue state = (*save)(std::vector<c10::IValue>{value});
  const std::vector<c10::IValue> parts = items_of(state);
  if (parts.size() != 5 || !parts[0].isString()) return std::nullopt;
  TapeList list{{parts[0].toStringRef()}};
  for (const c10::IValue& weight : items_of(parts[4])) {
    std::optional<TapeArgument> held = packed(weight);
    if (!held) return std::nullopt;
    list.push_back(std::move(*held));
  }
  const std::vector<c10::IValue> numbers = items_of(parts[3]);
  list.push_back({!numbers.empty() && numbers.front().toInt() != 0});
  return TapeArgument{std::move(list)};
}

// Of an embedding with 8 bits: the items, and for each row a scale and a zero point, which is a fraction.
std::optional<TapeArgument> CallArguments::packed_table(const c10::IValue& value) {
  const auto unpack = torch::jit::findOperatorFor(c10::OperatorName("quantized::embedding_bag_unpack", ""));
  if (!unpack) return std::nullopt;
  torch::jit::Stack stack{value};
  unpack->getOperation()(stack);
  const at::Tensor table = stack.at(0).toTensor();
  if (table.scalar_type() != at::kQUInt8 || table.q_per_channel_axis() != 0) return std::nullopt;
  const auto row = [&](const at::Tensor& numbers) {
    return TapeArgument{
        context_.read(numbers.to(at::kFloat).reshape({-1, 1}).clone())};  // else it is the packed object's
  };
  TapeArgument argument{TapeList{
      {context_.read(table.int_repr())}, row(table.q_per_channel_scales()), row(table.q_per_channel_zero_points())}};
  packed_.emplace(value.toObject().get(), std::pair(value, argument));
  return argument;
}

// Packed parameters of quantised operators as the tensors and numbers that they hold: the weight, the bias or None; of
// a convolution also stride, padding, output padding, dilation, groups and whether it is transposed.
std::optional<TapeArgument> CallArguments::packed(const c10::IValue& value) {
  if (!value.isCustomClass()) return std::nullopt;
  const void* object = value.toObject().get();
  if (auto found = packed_.find(object); found != packed_.end()) return found->second.second;
  std::string name = value.toObjectRef().type()->name()->qualifiedName();
  if (name.ends_with(".rnn.CellParamsBase")) return packed_cell(value);
  if (name.ends_with(".EmbeddingPackedParamsBase")) return packed_table(value);
  std::tuple<at::Tensor, c10::optional<at::Tensor>> held;
  TapeList numbers;
  if (auto linear = custom<LinearPackedParamsBase>(value, name, ".LinearPackedParamsBase")) {
    held = linear->unpack();
  } else if (auto flat = custom<ConvPackedParamsBase<2>>(value, name, ".Conv2dPackedParamsBase")) {
    held = flat->unpack();
    append_convolution(*flat, numbers);
  } else if (auto deep = custom<ConvPackedParamsBase<3>>(value, name, ".Conv3dPackedParamsBase")) {
    held = deep->unpack();
    append_convolution(*deep, numbers);
  } else {
    return std::nullopt;
  }
  TapeList list{{context_.read(std::get<0>(held))}};
  const auto& bias = std::get<1>(held);
  list.push_back(bias && bias->defined() ? TapeArgument{context_.read(*bias)} : TapeArgument{});
  list.insert(list.end(), numbers.begin(), numbers.end());
  TapeArgument argument{std::move(list)};
  packed_.emplace(object, std::pair(value, argument));
  return argument;
}

TapeArgument CallArguments::one(const Slot& slot, const c10::Argument& formal, const std::string& op) {
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) {
    return value.toTensor().defined() ? TapeArgument{context_.read(value.toTensor())} : TapeArgument{};
  }
  if (value.isNone()) return {};
  if (std::optional<TapeArgument> held = packed(value)) return *held;
  std::string type = formal_type(formal);
  // The values of an input may say where something is.
  const bool is_place = row_of(op).place_argument == formal.name();
  if (slot.note.kind == Note::Kind::kData && slot.note.scalar && is_place) return {slot.note.scalar};
  if (is_number(value)) return number(value, slot.note, type, op);
  if (value.isList() || value.isTuple()) return list(value, op);
  return plain_argument(value, type);
}

TapeArgument CallArguments::list(const c10::IValue& value, const std::string& op) {
  std::vector<c10::IValue> items = items_of(value);
  std::vector<Note> notes = context_.notes.get(value);
  notes.resize(items.size());
  TapeList list;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const c10::IValue& item = items[i];
    if (item.isTensor()) {
      list.push_back(item.toTensor().defined() ? TapeArgument{context_.read(item.toTensor())} : TapeArgument{});
    } else if (std::optional<TapeArgument> held = packed(item)) {
      list.push_back(std::move(*held));
    } else {
      list.push_back(is_number(item) ? number(item, notes[i], "int", op) : plain_argument(item, ""));
    }
  }
  return {std::move(list)};
}

NamedArguments CallArguments::all(const c10::FunctionSchema& schema, const Slots& inputs) {
  NamedArguments arguments;
  for (std::size_t i = 0; i < schema.arguments().size() && i < inputs.size(); ++i) {
    arguments.emplace_back(schema.arguments()[i].name(), one(inputs[i], schema.arguments()[i], schema.name()));
  }
  round_operands(context_, schema.name(), inputs, arguments);
  return arguments;
}

NamedArguments CallArguments::without_base(const c10::FunctionSchema& schema, const Slots& inputs) {
  NamedArguments arguments;
  for (std::size_t i = 0; i < schema.arguments().size() && i < inputs.size(); ++i) {
    const c10::IValue& sample = inputs[i].sample();
    const bool is_place = row_of(schema.name()).place_argument == schema.arguments()[i].name();
    if (sample.isTensor() && !is_place) continue;
    if (sample.isTensor() && !context_.is_live(sample)) {
      arguments.emplace_back(schema.arguments()[i].name(),
                             TapeArgument{nnef::Dim(sample.toTensor().item<std::int64_t>())});
      continue;
    }
    arguments.emplace_back(schema.arguments()[i].name(), one(inputs[i], schema.arguments()[i], schema.name()));
  }
  return arguments;
}

}  // namespace torch2nnef
