#include "export/simplify/graph_so_far.h"

#include <algorithm>
#include <array>

#include "export/simplify/graph_facts.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Operation;
using nnef::Value;

constexpr std::int64_t kFewItems = 1 << 14;

// Their result's items are items of the first argument.
constexpr std::array<std::string_view, 9> kMoves = {"unsqueeze", "squeeze",  "reshape", "transpose",           "slice",
                                                    "tile",      "identity", "copy",    "tract_core_broadcast"};
constexpr std::array<std::string_view, 4> kKeepSign = {"add", "mul", "min", "div"};  // of two that are not negative

template <std::size_t kCount>
bool contains(const std::array<std::string_view, kCount>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void GraphSoFar::update() {
  makers_.update();
  never_negative_.resize(graph_.values.size());
}

const Value* GraphSoFar::operand(const Operation& operation, std::size_t place) {
  return place < operation.arguments.size() ? operation.arguments[place].argument.value() : nullptr;
}

std::optional<double> GraphSoFar::number(const Argument& argument) const {
  if (const double* literal = std::get_if<double>(&argument.is)) return *literal;
  if (const nnef::Dim* dim = argument.dim()) {
    const auto constant = dim->constant();
    return constant ? std::optional(static_cast<double>(*constant)) : std::nullopt;
  }
  const Value* value = argument.value();
  const Operation* made = value == nullptr ? nullptr : maker(*value);
  if (made == nullptr) return std::nullopt;
  if (made->op == "unsqueeze") return number(made->arguments.at(0).argument);
  if (made->op == "variable" && nnef::volume(info(*value).shape) == nnef::Dim(1)) return constant_number(*value);
  if (made->op == "tract_core_bitand" && is_itself(*made)) return number(made->arguments.at(0).argument);
  return made->op == "tract_core_cast" ? number_cast(*made, info(*value).dtype) : std::nullopt;
}

std::optional<double> GraphSoFar::number_cast(const Operation& cast, DType to) const {
  const Argument& from = cast.arguments.at(0).argument;
  const auto found = number(from);
  if (to == DType::kBool) return found ? std::optional<double>(*found != 0) : std::nullopt;
  // A number that its dtype rounds, or cuts, is another one.
  const bool is_truth = from.value() != nullptr && info(*from.value()).dtype == DType::kBool;
  return nnef::is_integer(to) && (from.dim() != nullptr || is_truth) ? found : std::nullopt;
}

// A symbolic range is hidden behind this from the engine's optimiser.
bool GraphSoFar::is_itself(const Operation& bitand_operation) const {
  return number(bitand_operation.arguments.at(1).argument) == -1.0;
}

std::optional<double> GraphSoFar::constant_number(Value value) const {
  if (const auto items = constant_items(value)) return static_cast<double>(items->front());
  const auto data = data_of(value);
  if (data == nullptr || data->dtype() != DType::kF32 || data->numel() != 1) return std::nullopt;
  return whole_tensor<float>(*data).front();
}

const nnef::TensorData* GraphSoFar::data_of(Value value) const {
  const Operation* made = maker(value, "variable");
  if (made == nullptr) return nullptr;
  const auto data = graph_.variables.find(std::get<std::string>(made->find("label")->is));
  return data == graph_.variables.end() ? nullptr : data->second.get();
}

std::optional<std::vector<std::int64_t>> GraphSoFar::constant_items(Value value) const {
  const nnef::TensorData* data = data_of(value);
  if (data == nullptr || data->dtype() != DType::kI64 || data->numel() > kFewItems) return std::nullopt;
  return whole_tensor<std::int64_t>(*data);
}

std::optional<nnef::Dim> GraphSoFar::size(const Argument& argument) const {
  if (argument.dim() != nullptr) return *argument.dim();
  const Value* value = argument.value();
  const Operation* made = value == nullptr ? nullptr : maker(*value);
  if (made == nullptr || !nnef::is_integer(info(*value).dtype)) return std::nullopt;
  if (made->op == "unsqueeze" || made->op == "tract_core_cast") return size(made->arguments.at(0).argument);
  const auto items = constant_items(*value);
  return items && items->size() == 1 ? std::optional(nnef::Dim(items->front())) : std::nullopt;
}

std::optional<std::size_t> GraphSoFar::counted_axis(Value value) const {
  std::optional<std::size_t> axis;
  for (std::size_t i = 0; i < shape(value).size(); ++i) {
    if (shape(value)[i] == nnef::Dim(1)) continue;
    if (axis) return std::nullopt;
    axis = i;
  }
  for (const Operation* made = maker(value); axis && made != nullptr; made = maker(value)) {
    if (const auto items = constant_items(value)) {
      for (std::size_t i = 0; i < items->size(); ++i) {
        if ((*items)[i] != static_cast<std::int64_t>(i)) return std::nullopt;
      }
      return axis;
    }
    if (made->op == "tract_core_range") {
      const bool counts =
          number(made->arguments.at(0).argument) == 0.0 && number(made->arguments.at(2).argument) == 1.0;
      return counts ? axis : std::nullopt;
    }
    const Value* from = operand(*made, 0);
    const bool is_cast = made->op == "tract_core_cast" && nnef::is_integer(info(value).dtype);
    const bool is_hidden = made->op == "tract_core_bitand" && is_itself(*made);
    if (from == nullptr || (made->op != "unsqueeze" && !is_cast && !is_hidden)) return std::nullopt;
    value = *from;
  }
  return std::nullopt;
}

const Value* GraphSoFar::narrower(Value value) const {
  const auto found = narrower_.find(value);
  return found == narrower_.end() ? nullptr : &found->second;
}

bool GraphSoFar::is_constant_true(Value value) const {
  const nnef::TensorData* data = data_of(value);
  if (data == nullptr || data->dtype() != DType::kBool || data->numel() > kFewItems) return false;
  bool found = true;
  data->stream([&](const void* bytes, std::size_t count) {
    const auto* items = static_cast<const char*>(bytes);
    found = found && std::all_of(items, items + count, [](char item) { return item != 0; });
  });
  return found;
}

bool GraphSoFar::argument_is_never_negative(const Operation& operation, std::size_t place) {
  if (place >= operation.arguments.size()) return false;
  const Argument& argument = operation.arguments[place].argument;
  if (const Value* value = argument.value()) return is_never_negative(*value);
  return argument.dim() != nullptr && nnef::is_never_negative(*argument.dim());
}

bool GraphSoFar::find_never_negative(const Operation& operation) {
  const std::string& op = operation.op;
  const auto is = [&](std::size_t place) { return argument_is_never_negative(operation, place); };
  if (op == "tract_core_shape_of" || op == "argmax_reduce" || op == "argmin_reduce") return true;
  if (op == "tract_core_range") {
    const auto step = operation.arguments.size() > 2 ? number(operation.arguments[2].argument) : std::nullopt;
    return is(0) && step && *step > 0;
  }
  if (op == "tract_core_gather" || contains(kMoves, op)) return is(0);
  if (op == "max" || op == "tract_core_bitand") return is(0) || is(1);
  if (contains(kKeepSign, op)) return is(0) && is(1);
  if (op == "select") return is(1) && is(2);
  if (op == "tract_core_cast") {
    const Value* from = operand(operation, 0);
    if (from == nullptr) return is(0);
    const DType dtype = info(*from).dtype;
    const bool fits = nnef::item_size(dtype) <= nnef::item_size(info(operation.results.front()).dtype);
    return dtype == DType::kBool || (nnef::is_integer(dtype) && fits && is(0));
  }
  return false;
}

bool GraphSoFar::is_never_negative(Value value) {
  const auto id = index_of(value);
  if (id >= never_negative_.size()) return false;
  if (never_negative_[id]) return *never_negative_[id];
  never_negative_[id] = false;  // also what is known while the arguments are looked at
  bool found = info(value).dtype == DType::kBool;
  if (const Operation* made = maker(value); made != nullptr && !found) {
    if (const auto items = constant_items(value)) {
      found = std::all_of(items->begin(), items->end(), [](std::int64_t item) { return item >= 0; });
    } else if (nnef::is_integer(info(value).dtype)) {
      found = find_never_negative(*made);
    }
  }
  never_negative_[id] = found;
  return found;
}

}  // namespace torch2nnef
