#include "export/exported_program/stand_ins.h"

#include <algorithm>
#include <functional>
#include <map>

#include "export/diagnostics.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

// The arguments of one call, by name.
class Given {
 public:
  Given(OperatorCalls& calls, const OperatorName& op, const NamedSlots& arguments)
      : calls_(calls), op_(op), arguments_(arguments) {}

  bool has(const std::string& name) const { return find(name) != nullptr; }
  const Slot& operator[](const std::string& name) const {
    if (const Slot* slot = find(name)) return *slot;
    throw Unsupported(op_.full() + " is called without its argument " + name);
  }
  Slot get(const std::string& name, const c10::IValue& otherwise) const {
    const Slot* slot = find(name);
    return slot == nullptr ? calls_.constant(otherwise) : *slot;
  }
  std::int64_t integer(const std::string& name) const {
    const Slot& slot = (*this)[name];
    if (!slot.sample().isInt() || slot.note) throw Unsupported(op_.full() + " with a " + name + " that is not fixed");
    return slot.sample().toInt();
  }

 private:
  const Slot* find(const std::string& name) const {
    for (const auto& [key, slot] : arguments_) {
      if (key == name) return &slot;
    }
    return nullptr;
  }

  OperatorCalls& calls_;
  const OperatorName& op_;
  const NamedSlots& arguments_;
};

Slots itself(OperatorCalls&, const Given& given) { return {given["self"]}; }

Slots size_of_axis(OperatorCalls& calls, const Given& given) {
  return {calls.call1("aten::size", "int", {{"self", given["self"]}, {"dim", given["dim"]}})};
}

Slots number_of_items(OperatorCalls& calls, const Given& given) {
  return {calls.call1("aten::numel", "", {{"self", given["self"]}})};
}

// From the last axis to the first, so that the others keep their places.
Slots squeeze_axes(OperatorCalls& calls, const Given& given) {
  Slot result = given["self"];
  const std::int64_t rank = result.sample().toTensor().dim();
  std::vector<std::int64_t> axes;
  for (const c10::IValue& axis : items_of(given["dim"].sample())) {
    axes.push_back(axis.toInt() < 0 ? axis.toInt() + rank : axis.toInt());
  }
  std::sort(axes.rbegin(), axes.rend());
  for (const std::int64_t axis : axes) {
    result = calls.call1("aten::squeeze", "dim", {{"self", result}, {"dim", calls.constant(axis)}});
  }
  return {result};
}

// Other kernels give other strides than the file's, and then a view must copy.
Slots view_of(OperatorCalls& calls, const Given& given) {
  const Slot& self = given["self"];
  const bool dense = std::all_of(self.worlds.begin(), self.worlds.end(),
                                 [](const c10::IValue& world) { return world.toTensor().is_contiguous(); });
  if (dense) return {calls.call1("aten::view", "", {{"self", self}, {"size", given["size"]}})};
  return {calls.call1("aten::reshape", "", {{"self", self}, {"shape", given["size"]}})};
}

Slots fresh_copy(OperatorCalls& calls, const Given& given) {
  return {calls.call1("aten::clone", "", {{"self", given["self"]}})};
}

Slots copied(OperatorCalls& calls, const Given& given) {
  const Slot source = calls.call1("aten::type_as", "", {{"self", given["src"]}, {"other", given["self"]}});
  return {calls.call1("aten::expand_as", "", {{"self", source}, {"other", given["self"]}})};
}

Slots empty_permuted(OperatorCalls& calls, const Given& given) {
  return {calls.call1("aten::empty", "memory_format", {{"size", given["size"]}, {"dtype", given.get("dtype", {})}})};
}

// In eval mode: the statistics are the buffers', and what is kept for a gradient is empty.
Slots batch_norm_of_buffers(OperatorCalls& calls, const Given& given) {
  const Slot normalised = calls.call1("aten::batch_norm", "",
                                      {{"input", given["input"]},
                                       {"weight", given.get("weight", {})},
                                       {"bias", given.get("bias", {})},
                                       {"running_mean", given["running_mean"]},
                                       {"running_var", given["running_var"]},
                                       {"training", calls.constant(false)},
                                       {"momentum", given["momentum"]},
                                       {"eps", given["eps"]},
                                       {"cudnn_enabled", calls.constant(false)}});
  const Slot none = calls.constant(at::empty({0}));
  return {normalised, none, none};
}

Slots batch_norm_without_buffers(OperatorCalls& calls, const Given& given) {
  return calls.call("aten::native_batch_norm", "",
                    {{"input", given["input"]},
                     {"weight", given.get("weight", {})},
                     {"bias", given.get("bias", {})},
                     {"running_mean", calls.constant({})},
                     {"running_var", calls.constant({})},
                     {"training", given["training"]},
                     {"momentum", given["momentum"]},
                     {"eps", given["eps"]}});
}

// The output by the statistics of the batch, and the buffers as they are after it.
Slots batch_norm_of_batch(OperatorCalls& calls, const Given& given) {
  NamedSlots arguments;
  for (const char* name : {"input", "momentum", "eps"}) arguments.emplace_back(name, given[name]);
  for (const char* name : {"weight", "bias"}) arguments.emplace_back(name, given.get(name, {}));
  arguments.emplace_back("training", calls.constant(true));
  Slots results = calls.call("aten::native_batch_norm", "", arguments);
  c10::List<std::int64_t> axes({0});
  for (std::int64_t axis = 2; axis < given["input"].sample().toTensor().dim(); ++axis) axes.push_back(axis);
  const Slot dim = calls.constant(axes);
  const Slot mean = calls.call1("aten::mean", "dim", {{"self", given["input"]}, {"dim", dim}});
  const Slot variance = calls.call1("aten::var", "dim", {{"self", given["input"]}, {"dim", dim}});
  const auto moved = [&](const char* buffer, const Slot& by) {
    const Slot& before = given[buffer];
    const Slot step = calls.call1("aten::sub", "Tensor", {{"self", by}, {"other", before}});
    const Slot part = calls.call1("aten::mul", "Tensor", {{"self", step}, {"other", given["momentum"]}});
    return calls.call1("aten::add", "Tensor", {{"self", before}, {"other", part}});
  };
  results.push_back(moved("running_mean", mean));
  results.push_back(moved("running_var", variance));
  return results;
}

// Its kernel for the CPU takes dense tensors only.
Slots group_norm(OperatorCalls& calls, const Given& given) {
  NamedSlots arguments{{"input", calls.call1("aten::contiguous", "", {{"self", given["input"]}})}};
  for (const char* name : {"N", "C", "HxW", "group", "eps"}) arguments.emplace_back(name, given[name]);
  for (const char* name : {"weight", "bias"}) arguments.emplace_back(name, given.get(name, {}));
  return calls.call("aten::native_group_norm", "", arguments);
}

Slot to_dtype(OperatorCalls& calls, const Slot& tensor, at::ScalarType type) {
  const Slot dtype = calls.constant(static_cast<std::int64_t>(type));
  return calls.call1("aten::to", "dtype", {{"self", tensor}, {"dtype", dtype}});
}

Slots product_of_int8(OperatorCalls& calls, const Given& given) {
  return {calls.call1(
      "aten::mm", "",
      {{"self", to_dtype(calls, given["self"], at::kInt)}, {"mat2", to_dtype(calls, given["mat2"], at::kInt)}})};
}

Slots grouped_product(OperatorCalls& calls, const Given& given) {
  return {calls.call1("aten::_grouped_mm", "",
                      {{"self", given["input"]}, {"mat2", given["weight"]}, {"offs", given["offs"]}})};
}

// --- quantized_decomposed: floats to codes and back, as pt2e writes them ---

at::ScalarType type_of(const Slot& slot) { return static_cast<at::ScalarType>(slot.sample().toInt()); }

// A scale or zero point along one axis, so that it broadcasts.
Slot along_axis(OperatorCalls& calls, const Slot& each, std::int64_t axis, std::int64_t rank) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(rank), 1);
  sizes.at(static_cast<std::size_t>(axis < 0 ? axis + rank : axis)) = -1;
  return calls.call1("aten::reshape", "", {{"self", each}, {"shape", calls.constant(c10::List<std::int64_t>(sizes))}});
}

Slot times(OperatorCalls& calls, const Slot& a, const Slot& b) {
  return calls.call1("aten::mul", "Tensor", {{"self", a}, {"other", b}});
}

Slot plus(OperatorCalls& calls, const Slot& a, const Slot& b) {
  return calls.call1("aten::add", "Tensor", {{"self", a}, {"other", b}});
}

// clamp(round(x * (1 / scale)) + zero_point), as the reference of pt2e computes it.
Slot quantised(OperatorCalls& calls, const Given& given, const Slot& scale, const Slot& zero_point) {
  Slot inverse;
  if (scale.sample().isTensor()) {
    inverse = calls.call1("aten::reciprocal", "", {{"self", scale}});
  } else {
    inverse = calls.constant(1.0 / scale.sample().toDouble());
  }
  const Slot scaled = times(calls, to_dtype(calls, given["input"], at::kFloat), inverse);
  const Slot rounded = calls.call1("aten::round", "", {{"self", scaled}});
  const Slot moved = plus(calls, rounded, zero_point);
  const Slot kept =
      calls.call1("aten::clamp", "", {{"self", moved}, {"min", given["quant_min"]}, {"max", given["quant_max"]}});
  return to_dtype(calls, kept, type_of(given["dtype"]));
}

Slot dequantised(OperatorCalls& calls, const Given& given, const Slot& scale, const Slot& zero_point) {
  const Slot codes = to_dtype(calls, given["input"], at::kFloat);
  const Slot moved = calls.call1("aten::sub", "Tensor", {{"self", codes}, {"other", zero_point}});
  const Slot result = times(calls, moved, scale);
  const Slot type = given.get("out_dtype", {});
  return type.sample().isNone() ? result : to_dtype(calls, result, type_of(type));
}

Slots quantise_tensor(OperatorCalls& calls, const Given& given) {
  return {quantised(calls, given, given["scale"], given["zero_point"])};
}

Slots dequantise_tensor(OperatorCalls& calls, const Given& given) {
  return {dequantised(calls, given, given["scale"], given["zero_point"])};
}

Slots quantise_channels(OperatorCalls& calls, const Given& given) {
  const std::int64_t axis = given.integer("axis"), rank = given["input"].sample().toTensor().dim();
  return {quantised(calls, given, along_axis(calls, given["scales"], axis, rank),
                    along_axis(calls, given["zero_points"], axis, rank))};
}

Slots dequantise_channels(OperatorCalls& calls, const Given& given) {
  const std::int64_t axis = given.integer("axis"), rank = given["input"].sample().toTensor().dim();
  const Slot scales = along_axis(calls, given["scales"], axis, rank);
  const Slot zero_points = given.get("zero_points", {});
  return {dequantised(calls, given, scales,
                      zero_points.sample().isNone() ? calls.constant(0) : along_axis(calls, zero_points, axis, rank))};
}

// Scale and zero point of a tensor by its least and largest item, both widened to hold 0.
Slots choose_parameters(OperatorCalls& calls, const Given& given) {
  const auto bounded = [&](const std::string& op, const std::string& limit) {
    const Slot item = calls.call1(op, "", {{"self", given["input"]}});
    return calls.call1("aten::clamp", "", {{"self", item}, {limit, calls.constant(0)}});
  };
  const Slot low = bounded("aten::min", "max"), high = bounded("aten::max", "min");
  const std::int64_t first = given.integer("quant_min"), last = given.integer("quant_max");
  const Slot range = calls.call1("aten::sub", "Tensor", {{"self", high}, {"other", low}});
  Slot scale = calls.call1("aten::div", "Tensor",
                           {{"self", range}, {"other", calls.constant(static_cast<double>(last - first))}});
  scale = calls.call1("aten::clamp", "", {{"self", scale}, {"min", given["eps"]}});
  const Slot steps =
      calls.call1("aten::round", "", {{"self", calls.call1("aten::div", "Tensor", {{"self", low}, {"other", scale}})}});
  Slot zero_point = calls.call1("aten::rsub", "Scalar", {{"self", steps}, {"other", calls.constant(first)}});
  zero_point = calls.call1("aten::clamp", "",
                           {{"self", zero_point}, {"min", calls.constant(first)}, {"max", calls.constant(last)}});
  return {to_dtype(calls, scale, at::kDouble), to_dtype(calls, zero_point, at::kLong)};
}

using StandIn = std::function<Slots(OperatorCalls&, const Given&)>;

const std::map<std::string, StandIn>& table() {
  static const std::map<std::string, StandIn> kTable = {
      {"aten::alias", itself},
      {"aten::detach", itself},
      {"aten::detach_", itself},
      {"aten::lift_fresh", itself},
      {"aten::lift_fresh_copy", fresh_copy},
      {"aten::sym_size.int", size_of_axis},
      {"aten::sym_numel", number_of_items},
      {"aten::squeeze.dims", squeeze_axes},
      {"aten::view", view_of},
      {"aten::copy", copied},
      {"aten::empty_permuted", empty_permuted},
      {"aten::_native_batch_norm_legit_no_training", batch_norm_of_buffers},
      {"aten::_native_batch_norm_legit.no_stats", batch_norm_without_buffers},
      {"aten::_native_batch_norm_legit_functional", batch_norm_of_batch},
      {"aten::native_group_norm", group_norm},
      {"aten::_int_mm", product_of_int8},
      {"transformers::grouped_mm_fallback", grouped_product},
      {"quantized_decomposed::quantize_per_tensor", quantise_tensor},
      {"quantized_decomposed::quantize_per_tensor.tensor", quantise_tensor},
      {"quantized_decomposed::dequantize_per_tensor", dequantise_tensor},
      {"quantized_decomposed::dequantize_per_tensor.tensor", dequantise_tensor},
      {"quantized_decomposed::quantize_per_channel", quantise_channels},
      {"quantized_decomposed::dequantize_per_channel", dequantise_channels},
      {"quantized_decomposed::choose_qparams.tensor", choose_parameters},
  };
  return kTable;
}

}  // namespace

bool has_stand_in(const OperatorName& op) { return table().count(op.full()) > 0; }

std::optional<Slots> run_stand_in(OperatorCalls& calls, const OperatorName& op, const NamedSlots& arguments) {
  const auto found = table().find(op.full());
  if (found == table().end()) return std::nullopt;
  return found->second(calls, Given(calls, op, arguments));
}

}  // namespace torch2nnef
