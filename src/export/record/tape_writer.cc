#include "export/record/tape_writer.h"

#include <algorithm>
#include <stdexcept>

#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

bool same_view(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.storage_offset() == b.storage_offset() && a.sizes() == b.sizes() &&
         a.strides() == b.strides() &&
         a.unsafeGetTensorImpl()->is_wrapped_number() == b.unsafeGetTensorImpl()->is_wrapped_number();
}

bool starts_with(const std::string& text, std::string_view prefix) { return text.rfind(prefix, 0) == 0; }

std::string memory_format_name(std::int64_t format) {
  switch (static_cast<at::MemoryFormat>(format)) {
    case at::MemoryFormat::Contiguous:
      return "contiguous_format";
    case at::MemoryFormat::Preserve:
      return "preserve_format";
    case at::MemoryFormat::ChannelsLast:
      return "channels_last";
    case at::MemoryFormat::ChannelsLast3d:
      return "channels_last_3d";
    default:
      return "memory_format_" + std::to_string(format);
  }
}

TapeArgument plain_integer(std::int64_t value, const std::string& formal) {
  if (starts_with(formal, "ScalarType")) {
    return {std::string(to_string(from_torch(static_cast<at::ScalarType>(value))))};
  }
  if (starts_with(formal, "MemoryFormat")) return {memory_format_name(value)};
  if (starts_with(formal, "Layout")) return {std::string(value == 0 ? "strided" : "layout_" + std::to_string(value))};
  return {nnef::Dim(value)};
}

bool same_leaf(const TapeArgument& a, const TapeArgument& b) {
  if (a.value()) return *a.value() == *b.value();
  if (const auto* dim = std::get_if<nnef::Dim>(&a.is)) return *dim == std::get<nnef::Dim>(b.is);
  if (const auto* number = std::get_if<double>(&a.is)) return *number == std::get<double>(b.is);
  if (const auto* flag = std::get_if<bool>(&a.is)) return *flag == std::get<bool>(b.is);
  return std::get<std::string>(a.is) == std::get<std::string>(b.is);
}

std::optional<double> number_of(const TapeArgument& argument) {
  if (const auto* number = std::get_if<double>(&argument.is)) return *number;
  const auto* dim = std::get_if<nnef::Dim>(&argument.is);
  if (!dim || !dim->is_constant()) return std::nullopt;
  return static_cast<double>(dim->value());
}

// 1 and 1.0 are the same default.
bool same_argument(const TapeArgument& a, const TapeArgument& b) {
  if (auto left = number_of(a), right = number_of(b); left && right) return *left == *right;
  if (a.is.index() != b.is.index()) return false;
  const TapeList *left = a.list(), *right = b.list();
  if (!left) return a.is_none() || same_leaf(a, b);
  return left->size() == right->size() && std::equal(left->begin(), left->end(), right->begin(), same_argument);
}

// Those of schemes that are not affine stay unknown.
AffineParameters affine_parameters(const at::Tensor& tensor) {
  if (tensor.qscheme() == at::kPerTensorAffine) return {{tensor.q_scale()}, {tensor.q_zero_point()}};
  if (tensor.qscheme() != at::kPerChannelAffine) return {};
  const at::Tensor scales = tensor.q_per_channel_scales().to(at::kDouble).contiguous();
  const at::Tensor zeros = tensor.q_per_channel_zero_points().to(at::kLong).contiguous();
  return {{scales.data_ptr<double>(), scales.data_ptr<double>() + scales.numel()},
          {zeros.data_ptr<std::int64_t>(), zeros.data_ptr<std::int64_t>() + zeros.numel()},
          static_cast<int>(tensor.q_per_channel_axis())};
}

}  // namespace

TapeValueInfo facts_of(const at::Tensor& tensor, nnef::Shape shape) {
  TapeValueInfo info;
  info.type = from_torch(tensor.scalar_type());
  info.shape = std::move(shape);
  info.is_number = tensor.unsafeGetTensorImpl()->is_wrapped_number();
  if (tensor.is_quantized()) info.affine = affine_parameters(tensor);
  return info;
}

TapeArgument plain_argument(const c10::IValue& value, const std::string& formal) {
  if (value.isNone()) return {std::monostate()};
  if (value.isBool()) return {value.toBool()};
  if (value.isInt()) return plain_integer(value.toInt(), formal);
  if (value.isDouble()) return {value.toDouble()};
  if (value.isString()) return {value.toStringRef()};
  if (value.isDevice()) return {value.toDevice().str()};
  if (value.isList() || value.isTuple()) {
    TapeList items;
    for (const c10::IValue& item : items_of(value)) items.push_back(plain_argument(item, ""));
    return {std::move(items)};
  }
  return {std::string("<" + value.tagKind() + ">")};
}

std::string formal_type(const c10::Argument& argument) { return argument.real_type()->str(); }

const c10::FunctionSchema* find_schema(std::string_view op, std::string_view overload) {
  auto found = torch::jit::findOperatorFor(c10::OperatorName(std::string(op), std::string(overload)));
  return found ? &found->schema() : nullptr;
}

TapeValue TapeWriter::add(TapeValueInfo info) {
  tape_.values.push_back(std::move(info));
  return {static_cast<std::int32_t>(tape_.values.size() - 1)};
}

TapeValue TapeWriter::input(const std::string& name, ScalarType type, nnef::Shape shape) {
  TapeValueInfo info;
  info.kind = TapeValueInfo::Kind::kInput;
  info.type = type;
  info.shape = std::move(shape);
  info.label = name;
  TapeValue value = add(std::move(info));
  tape_.inputs.push_back(value);
  return value;
}

TapeValue TapeWriter::unknown(TapeValueInfo facts) {
  facts.kind = TapeValueInfo::Kind::kInput;
  return add(std::move(facts));
}

TapeValue TapeWriter::constant(const at::Tensor& tensor, const std::string& label) {
  std::vector<Captured>& captured = constants_[tensor.storage().unsafeGetStorageImpl()];
  for (const Captured& one : captured) {
    if (same_view(one.tensor, tensor)) return one.value;
  }
  TapeValueInfo info = facts_of(tensor, nnef::make_shape(tensor.sizes().vec()));
  info.kind = TapeValueInfo::Kind::kConstant;
  info.label = label;
  info.constant = make_constant(tensor);
  TapeValue value = add(std::move(info));
  captured.push_back({value, tensor});
  return value;
}

void TapeWriter::detach_constants(const at::Tensor& tensor) {
  auto found = constants_.find(tensor.storage().unsafeGetStorageImpl());
  if (found == constants_.end()) return;
  for (const Captured& one : found->second) {
    at::Tensor copy = one.tensor.clone();
    tape_.values.at(static_cast<std::size_t>(one.value.id)).constant = make_constant(copy);
    constants_[copy.storage().unsafeGetStorageImpl()].push_back({one.value, copy});
  }
  constants_.erase(tensor.storage().unsafeGetStorageImpl());
}

std::vector<TapeValue> TapeWriter::call(std::string_view op, std::string_view overload,
                                        std::vector<std::pair<std::string, TapeArgument>> arguments,
                                        std::vector<TapeValueInfo> results, const Location& where) {
  TapeCall call;
  call.op = std::string(op);
  call.overload = std::string(overload);
  call.where = where;
  if (const c10::FunctionSchema* schema = find_schema(op, overload)) {
    for (const c10::Argument& formal : schema->arguments()) {
      auto given = std::find_if(arguments.begin(), arguments.end(),
                                [&](const auto& argument) { return argument.first == formal.name(); });
      if (given == arguments.end() && !formal.default_value()) {
        throw std::logic_error(call.full_name() + " recorded without argument " + formal.name());
      }
      TapeArgument standard;
      if (formal.default_value()) standard = plain_argument(*formal.default_value(), formal_type(formal));
      bool is_default = formal.default_value() && (given == arguments.end() || same_argument(given->second, standard));
      call.arguments.emplace_back(formal.name(), given == arguments.end() ? standard : std::move(given->second));
      call.is_default.emplace_back(formal.name(), is_default);
    }
  } else {
    for (auto& [name, argument] : arguments) {
      call.is_default.emplace_back(name, false);
      call.arguments.emplace_back(name, std::move(argument));
    }
  }
  for (TapeValueInfo& info : results) call.results.push_back(add(std::move(info)));
  tape_.calls.push_back(std::move(call));
  return tape_.calls.back().results;
}

TapeValue TapeWriter::call1(std::string_view op, std::string_view overload,
                            std::vector<std::pair<std::string, TapeArgument>> arguments, TapeValueInfo result,
                            const Location& where) {
  std::vector<TapeValueInfo> results;
  results.push_back(std::move(result));
  return call(op, overload, std::move(arguments), std::move(results), where).front();
}

TapeValue TapeWriter::dims(const std::vector<Ratio>& numbers, int rank, ScalarType type, const Location& where) {
  TapeList list;
  bool divided = false;
  for (const Ratio& number : numbers) {
    list.push_back({number.numerator});
    divided = divided || number.denominator != 1;
  }
  TapeValueInfo info;
  info.type = ScalarType::kInt64;
  if (rank == 1) info.shape = {nnef::Dim(static_cast<std::int64_t>(numbers.size()))};
  TapeValue value = call1("t2n::dims", "", {{"dims", {list}}, {"rank", {nnef::Dim(rank)}}}, info, where);
  if (type != ScalarType::kInt64) {
    info.type = type;
    value = call1("aten::to", "dtype", {{"self", {value}}, {"dtype", {std::string(to_string(type))}}}, info, where);
  }
  if (!divided) return value;
  at::Tensor denominators = at::empty({static_cast<std::int64_t>(numbers.size())}, at::kDouble);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    denominators.data_ptr<double>()[i] = static_cast<double>(numbers[i].denominator);
  }
  denominators = denominators.to(to_torch(type));
  if (rank == 0) denominators = denominators.reshape({});
  return call1("aten::div", "Tensor", {{"self", {value}}, {"other", {constant(denominators, "")}}}, info, where);
}

namespace {

void mark_argument(const TapeArgument& argument, Tape& tape) {
  if (const TapeValue* value = argument.value()) tape.values[static_cast<std::size_t>(value->id)].wanted = true;
  if (const TapeList* list = argument.list()) {
    for (const TapeArgument& item : *list) mark_argument(item, tape);
  }
}

}  // namespace

bool TapeWriter::add_constraint(std::string text) {
  std::vector<std::string>& known = tape_.constraints;
  if (std::find(known.begin(), known.end(), text) != known.end()) return false;
  known.push_back(std::move(text));
  return true;
}

void TapeWriter::mark_wanted() {
  for (TapeValueInfo& info : tape_.values) info.wanted = info.kind == TapeValueInfo::Kind::kInput;
  for (const auto& [name, value] : tape_.outputs) mark_argument({value}, tape_);
  for (auto call = tape_.calls.rbegin(); call != tape_.calls.rend(); ++call) {
    bool wanted = std::any_of(call->results.begin(), call->results.end(),
                              [&](TapeValue result) { return result && tape_.info(result).wanted; });
    if (!wanted) continue;
    for (const auto& [name, argument] : call->arguments) mark_argument(argument, tape_);
  }
}

}  // namespace torch2nnef
