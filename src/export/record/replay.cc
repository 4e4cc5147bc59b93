#include "export/record/replay.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/record/memory_bound.h"
#include "export/record/packed_weights.h"
#include "export/record/slot.h"
#include "export/record/tape_writer.h"
#include "export/record/torch_types.h"
#include "export/record/wide_fallback.h"
#include "nnef/dim/solve.h"

namespace torch2nnef {
namespace {

bool is_wanted(const Tape& tape, const TapeCall& call) {
  return std::any_of(call.results.begin(), call.results.end(),
                     [&](TapeValue result) { return result && tape.info(result).wanted; });
}

void flatten(const c10::IValue& value, std::vector<at::Tensor>& flat) {
  if (value.isTensor()) {
    flat.push_back(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) flat.push_back(tensor);
  } else if (value.isNone()) {
    flat.emplace_back();
  }
}

c10::IValue from_text(const std::string& text, const c10::Argument& formal) {
  const std::string type = formal_type(formal);
  const auto begins = [&](const char* prefix) { return type.rfind(prefix, 0) == 0; };
  if (begins("ScalarType")) {
    for (int code = 0; code < static_cast<int>(at::ScalarType::NumOptions); ++code) {
      const auto scalar = static_cast<at::ScalarType>(code);
      if (to_string(from_torch(scalar)) == text) return scalar;
    }
  }
  if (begins("MemoryFormat")) {
    if (text == "preserve_format") return at::MemoryFormat::Preserve;
    if (text == "channels_last") return at::MemoryFormat::ChannelsLast;
    if (text == "channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
    return at::MemoryFormat::Contiguous;
  }
  if (begins("Layout")) return at::kStrided;
  if (begins("Device")) return at::Device(at::kCPU);
  return text;
}

// The functional form of an in-place operator may have another overload's name than that one.
std::shared_ptr<torch::jit::Operator> operator_of(const TapeCall& call) {
  if (auto op = torch::jit::findOperatorFor(c10::OperatorName(call.op, call.overload))) return op;
  for (const auto& op : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(call.op))) {
    const c10::FunctionSchema& schema = op->schema();
    const bool takes_all = std::all_of(call.arguments.begin(), call.arguments.end(), [&](const auto& given) {
      return schema.argumentIndexWithName(given.first).has_value();
    });
    const bool is_given_all = std::all_of(
        schema.arguments().begin(), schema.arguments().end(),
        [&](const auto& formal) { return formal.default_value().has_value() || call.find(formal.name()) != nullptr; });
    if (takes_all && is_given_all) return op;
  }
  throw std::runtime_error("libtorch has no " + call.full_name());
}

// A number that depends on the inputs stands on the Tape as a tensor of rank 0.
bool takes_number(const c10::Argument& formal) {
  c10::TypePtr type = formal.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
  return type->isSubtypeOf(*c10::NumberType::get()) || type->kind() == c10::TypeKind::SymIntType;
}

template <class T>
c10::IValue typed_list(const std::vector<c10::IValue>& items) {
  c10::List<T> list;
  for (const c10::IValue& item : items) list.push_back(item.to<T>());
  return list;
}

// libtorch knows lists of these items by their types, and all others as generic ones.
c10::IValue list_of(const c10::TypePtr& element, const std::vector<c10::IValue>& items) {
  switch (element->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return typed_list<std::int64_t>(items);
    case c10::TypeKind::FloatType:
      return typed_list<double>(items);
    case c10::TypeKind::BoolType:
      return typed_list<bool>(items);
    case c10::TypeKind::TensorType:
      return typed_list<at::Tensor>(items);
    default:
      break;
  }
  c10::impl::GenericList list(element);
  for (const c10::IValue& item : items) list.push_back(item);
  return list;
}

// Memory that nobody set is zero on a recording too.
void clear_if_empty(const TapeCall& call, std::vector<at::Tensor>& results) {
  if (!row_of(call.op, call.overload).is(kUninitialised)) return;
  for (at::Tensor& result : results) result.zero_();
}

// Adds the symbols that are not among the sizes, by the axes of the inputs: a run of the sample may have other symbols,
// of before an axis was found to be a multiple.
void add_missing(const Tape& tape, const std::vector<at::Tensor>& inputs, nnef::Bindings& sizes) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const nnef::Shape& shape = tape.info(tape.inputs.at(i)).shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      nnef::solve(shape[axis], inputs[i].size(static_cast<std::int64_t>(axis)), sizes);
    }
  }
}

}  // namespace

Replay::Replay(const Tape& tape, const std::vector<at::Tensor>& inputs, nnef::Bindings sizes)
    : tape_(tape), sizes_(std::move(sizes)), values_(tape.values.size()), dead_after_(tape.calls.size()) {
  add_missing(tape, inputs, sizes_);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TapeValue input = tape.inputs.at(i);
    const bool is_rounded = tape.info(input).type == ScalarType::kBFloat16;  // given as f32
    values_[static_cast<std::size_t>(input.id)] = is_rounded ? inputs[i].to(at::kBFloat16) : inputs[i];
  }
  std::vector<std::int32_t> last_use(tape.values.size(), -1);
  for (std::size_t i = 0; i < tape.calls.size(); ++i) {
    for (TapeValue value : tape.calls[i].tensors_read())
      last_use[static_cast<std::size_t>(value.id)] = static_cast<std::int32_t>(i);
  }
  for (const auto& [name, value] : tape.outputs) last_use[static_cast<std::size_t>(value.id)] = -1;
  for (std::size_t id = 0; id < last_use.size(); ++id) {
    if (last_use[id] >= 0) dead_after_[static_cast<std::size_t>(last_use[id])].push_back(static_cast<std::int32_t>(id));
  }
}

at::Tensor Replay::value(TapeValue value) const {
  const TapeValueInfo& info = tape_.info(value);
  if (info.constant) {
    const at::Tensor constant = shared_tensor(*info.constant);
    const bool is_rounded = representation_of(info.type).form == Representation::Form::kRounded;
    return is_rounded ? constant.to(to_torch(info.type)) : constant;
  }
  return values_[static_cast<std::size_t>(value.id)];
}

c10::IValue Replay::argument(const TapeArgument& argument, const c10::Argument& formal, const ValueOf& value_of) const {
  if (argument.is_none()) return {};
  if (const TapeValue* one = argument.value()) {
    if (!*one) return at::Tensor();
    return takes_number(formal) ? c10::IValue(value_of(*one).item()) : c10::IValue(value_of(*one));
  }
  if (const auto* dim = std::get_if<nnef::Dim>(&argument.is)) {
    const std::int64_t number = dim->evaluate(sizes_);
    return formal_type(formal).rfind("float", 0) == 0 ? c10::IValue(static_cast<double>(number)) : c10::IValue(number);
  }
  if (const auto* number = std::get_if<double>(&argument.is)) return *number;
  if (const auto* flag = std::get_if<bool>(&argument.is)) return *flag;
  if (const auto* text = std::get_if<std::string>(&argument.is)) return from_text(*text, formal);
  c10::TypePtr type = formal.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
  if (auto packed = type->cast<c10::ClassType>()) {
    return packed_again(packed->name()->qualifiedName(), *argument.list(), value_of);
  }
  const c10::TypePtr element = type->cast<c10::ListType>() ? type->expectRef<c10::ListType>().getElementType() : type;
  std::vector<c10::IValue> items;
  for (const TapeArgument& item : *argument.list()) {
    items.push_back(this->argument(item, c10::Argument("", element), value_of));
  }
  return list_of(element, items);
}

std::vector<at::Tensor> Replay::dispatch(const TapeCall& call, const ValueOf& value_of) const {
  const auto op = operator_of(call);
  torch::jit::Stack stack;
  for (const c10::Argument& formal : op->schema().arguments()) {
    const TapeArgument* given = call.find(formal.name());
    stack.push_back(given ? argument(*given, formal, value_of) : formal.default_value().value());
  }
  const MemoryBound bound;  // as while recording: the same values
  const QuietTorch quiet;
  call_with_wide_fallback(op->getOperation(), stack);
  std::vector<at::Tensor> flat;
  for (const c10::IValue& result : stack) flatten(result, flat);
  return flat;
}

std::vector<at::Tensor> Replay::on_numbers(const TapeCall& call) const {
  return dispatch(call, [this](TapeValue read) {
    const at::Tensor given = value(read);
    return given.defined() ? numbers_of(given) : given;
  });
}

std::vector<at::Tensor> Replay::given(const TapeCall& call, TapeValue value, const at::Tensor& tensor) const {
  return dispatch(call, [&](TapeValue read) { return read == value ? tensor : this->value(read); });
}

at::Tensor Replay::dims(const TapeCall& call) const {
  std::vector<std::int64_t> numbers;
  for (const TapeArgument& item : *call.find("dims")->list()) {
    numbers.push_back(std::get<nnef::Dim>(item.is).evaluate(sizes_));
  }
  at::Tensor tensor = at::tensor(numbers, at::kLong);
  return std::get<nnef::Dim>(call.find("rank")->is) == nnef::Dim(0) ? tensor.reshape({}) : tensor;
}

// A loop, round by round: the last states, then what the rounds gave along a new first axis.
std::vector<at::Tensor> Replay::scan(const TapeCall& call) {
  const Tape& body = *call.regions.at(0);
  const std::int64_t trips = std::get<nnef::Dim>(call.find("trips")->is).evaluate(sizes_);
  const TapeList& scanned = *call.find("scanned")->list();
  std::vector<at::Tensor> states, whole;
  for (const TapeArgument& item : *call.find("state")->list()) states.push_back(value(*item.value()));
  for (const TapeArgument& item : *call.find("full")->list()) whole.push_back(value(*item.value()));
  std::vector<std::vector<at::Tensor>> items(body.outputs.size() - states.size());
  for (std::int64_t trip = 0; trip < trips; ++trip) {
    std::vector<at::Tensor> inputs;
    for (const TapeArgument& entry : scanned) {
      const TapeList& part = *entry.list();
      const auto number = [&](std::size_t i) { return std::get<nnef::Dim>(part.at(i).is).evaluate(sizes_); };
      inputs.push_back(value(*part.at(0).value()).narrow(number(1), number(2) + trip * number(3), 1));
    }
    inputs.insert(inputs.end(), states.begin(), states.end());
    inputs.insert(inputs.end(), whole.begin(), whole.end());
    Replay round(body, inputs, sizes_);
    while (!round.done()) round.step();
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      at::Tensor result = round.value(body.outputs[i].second);
      if (i < states.size()) {
        states[i] = result;
      } else {
        items[i - states.size()].push_back(result);
      }
    }
  }
  for (const std::vector<at::Tensor>& rounds : items) states.push_back(at::stack(rounds));
  return states;
}

std::vector<at::Tensor> Replay::execute(const TapeCall& call) {
  if (call.op == "t2n::dims") return {dims(call)};
  if (call.op == "t2n::scan") return scan(call);
  // Arithmetic on numbers keeps their types: of tensors that are marked as numbers, newer releases of libtorch compute
  // functions in float32.
  const bool gives_number = !call.results.empty() && call.results[0] && tape_.info(call.results[0]).is_number;
  return dispatch(call, [&](TapeValue read) {
    const at::Tensor given = value(read);
    return gives_number && given.defined() && given.dim() == 0 ? given.clone() : given;
  });
}

void Replay::step() {
  const TapeCall& call = tape_.calls.at(next_);
  if (is_wanted(tape_, call)) {
    std::vector<at::Tensor> results = execute(call);
    clear_if_empty(call, results);
    for (std::size_t i = 0; i < call.results.size() && i < results.size(); ++i) {
      if (!call.results[i]) continue;
      at::Tensor& result = results[i];
      if (result.defined() && tape_.info(call.results[i]).is_number)
        result.unsafeGetTensorImpl()->set_wrapped_number(true);
      values_[static_cast<std::size_t>(call.results[i].id)] = result;
    }
  }
  if (next_ > 0) {
    for (std::int32_t id : dead_after_[next_ - 1]) values_[static_cast<std::size_t>(id)] = at::Tensor();
  }
  ++next_;
}

}  // namespace torch2nnef
