#include "export/verify/reference/exact_codes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string_view>

#include "export/operators/operators.h"
#include "export/record/torch_types.h"
#include "quant/tolerance.h"

namespace torch2nnef {
namespace {

using Names = std::vector<std::pair<std::string_view, std::string_view>>;  // of the call, of the operator on floats

// How the numbers of a quantised call follow from those of its arguments.
struct OnFloats {
  enum class Kind { kCall, kLinear, kConvolution, kQuantise } kind = Kind::kCall;
  std::string_view op = {}, overload = {};
  Names names = {};
  std::vector<std::pair<const char*, TapeArgument>> added = {};  // what the operator on floats has alone
  bool has_few_steps = false;  // the same in every engine, so that exact ties are rounded alike
  bool is_relu = false;
};
using Table = std::map<std::string, OnFloats>;

// Those that have a relu behind them, too.
void add_arithmetic(const std::function<void(const char*, OnFloats)>& add) {
  using Kind = OnFloats::Kind;
  const Names pair = {{"qa", "self"}, {"qb", "other"}};
  const TapeArgument no{false};
  add("add", {Kind::kCall, "aten::add", "Tensor", pair, {}, true, false});
  add("mul", {Kind::kCall, "aten::mul", "Tensor", pair, {}, true, false});
  add("mul_scalar", {Kind::kCall, "aten::mul", "Scalar", {{"qa", "self"}, {"b", "other"}}, {}, false, false});
  add("cat", {Kind::kCall, "aten::cat", "", {{"qx", "tensors"}, {"dim", "dim"}}, {}, true, false});
  add("linear", {Kind::kLinear, "aten::linear", "", {{"X", "input"}}, {}, false, false});
  for (const char* name : {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}) {
    OnFloats convolution;
    convolution.kind = Kind::kConvolution;
    add(name, convolution);
  }
  const Names batch = {{"qx", "input"},          {"weight", "weight"},   {"bias", "bias"},
                       {"mean", "running_mean"}, {"var", "running_var"}, {"eps", "eps"}};
  for (const char* name : {"batch_norm", "batch_norm1d", "batch_norm2d", "batch_norm3d"}) {
    add(name, {Kind::kCall,
               "aten::batch_norm",
               "",
               batch,
               {{"training", no}, {"momentum", {0.1}}, {"cudnn_enabled", no}},
               false,
               false});
  }
}

void add_others(const std::function<void(const char*, OnFloats)>& add) {
  const auto call = [&](const char* name, std::string_view op, std::string_view overload, Names names) {
    add(name, {OnFloats::Kind::kCall, op, overload, std::move(names), {}, false, false});
  };
  const auto with = [](Names more) {
    for (const char* name : {"input", "weight", "bias", "eps"}) more.emplace_back(name, name);
    return more;
  };
  call("matmul", "aten::matmul", "", {{"qa", "self"}, {"qb", "other"}});
  call("hardswish", "aten::hardswish", "", {{"input", "self"}});
  call("leaky_relu", "aten::leaky_relu", "", {{"qx", "self"}, {"negative_slope", "negative_slope"}});
  call("sigmoid", "aten::sigmoid", "", {{"qx", "self"}});
  call("elu", "aten::elu", "",
       {{"self", "self"}, {"alpha", "alpha"}, {"scale", "scale"}, {"input_scale", "input_scale"}});
  call("celu", "aten::celu", "", {{"self", "self"}, {"alpha", "alpha"}});
  call("prelu", "aten::prelu", "", {{"qx", "self"}, {"weight", "weight"}});
  call("relu6", "aten::relu6", "", {{"qx", "self"}});
  call("clamp", "aten::clamp", "", {{"qx", "self"}, {"min", "min"}, {"max", "max"}});
  call("threshold", "aten::threshold", "", {{"qx", "self"}, {"threshold", "threshold"}, {"value", "value"}});
  call("softmax", "aten::softmax", "int", {{"qx", "self"}, {"dim", "dim"}});
  call("layer_norm", "aten::layer_norm", "", with({{"normalized_shape", "normalized_shape"}}));
  call("group_norm", "aten::group_norm", "", with({{"num_groups", "num_groups"}}));
  add("instance_norm", {OnFloats::Kind::kCall,
                        "aten::instance_norm",
                        "",
                        with({}),
                        {{"running_mean", {}},
                         {"running_var", {}},
                         {"use_input_stats", {true}},
                         {"momentum", {0.1}},
                         {"cudnn_enabled", {false}}},
                        false,
                        false});
}

// By the name of the quantised operator; null for others.
const OnFloats* on_floats(const std::string& op) {
  static const Table table = [] {
    Table made;
    add_arithmetic([&](const char* name, OnFloats how) {
      made.emplace(std::string("quantized::") + name, how);
      how.is_relu = true;
      made.emplace(std::string("quantized::") + name + "_relu", how);
    });
    add_others([&](const char* name, const OnFloats& how) { made.emplace(std::string("quantized::") + name, how); });
    return made;
  }();
  static const OnFloats quantise{OnFloats::Kind::kQuantise, {}, {}, {}, {}, true, false};
  if (row_of(op).is(kQuantises)) return &quantise;
  const auto found = table.find(op);
  return found == table.end() ? nullptr : &found->second;
}

const TapeList* packed_of(const TapeCall& call) {
  for (const char* name : {"W_prepack", "packed_weight", "weight"}) {
    if (const TapeArgument* found = call.find(name); found && found->list()) return found->list();
  }
  return nullptr;
}

std::vector<std::int64_t> integers(const TapeArgument& argument) {
  std::vector<std::int64_t> result;
  for (const TapeArgument& item : *argument.list()) result.push_back(std::get<nnef::Dim>(item.is).value());
  return result;
}

at::Tensor convolved(const Replay& replay, const TapeCall& call, const TapeList& packed) {
  at::Tensor x = numbers_of(replay.value(*call.find("qx")->value()));
  const at::Tensor weight = numbers_of(replay.value(*packed.at(0).value()));
  const TapeValue* bias = packed.at(1).value();
  const bool is_line = x.dim() == 3 && weight.dim() == 4;
  if (is_line) x = x.unsqueeze(2);
  const at::Tensor y = at::convolution(
      x, weight, bias ? c10::optional<at::Tensor>(numbers_of(replay.value(*bias))) : c10::nullopt,
      integers(packed.at(2)), integers(packed.at(3)), integers(packed.at(5)), std::get<bool>(packed.at(7).is),
      integers(packed.at(4)), std::get<nnef::Dim>(packed.at(6).is).value());
  return is_line ? y.squeeze(2) : y;
}

// The operator on floats as a call; of a linear layer with its weight and bias.
TapeCall twin_of(const TapeCall& call, const OnFloats& how) {
  TapeCall twin;
  twin.op = how.op;
  twin.overload = how.overload;
  for (const auto& [from, to] : how.names) {
    if (const TapeArgument* given = call.find(from)) twin.arguments.emplace_back(to, *given);
  }
  for (const auto& [name, argument] : how.added) twin.arguments.emplace_back(name, argument);
  if (const TapeList* packed = packed_of(call); packed && how.kind == OnFloats::Kind::kLinear) {
    twin.arguments.emplace_back("weight", packed->at(0));
    twin.arguments.emplace_back("bias", packed->at(1));
  }
  return twin;
}

// The numbers that the call gives before they are rounded; undefined where they are not known. Other operators take
// numbers as they take codes.
at::Tensor numbers_given(const Replay& replay, const TapeCall& call, const at::Tensor& result) {
  const OnFloats* how = on_floats(call.op);
  if (how == nullptr) {
    for (const at::Tensor& one : replay.on_numbers(call)) {
      if (one.defined() && one.sizes() == result.sizes()) return one;
    }
    return {};
  }
  if (how->kind == OnFloats::Kind::kQuantise) return numbers_of(replay.value(*call.find("self")->value()));
  const at::Tensor y = how->kind == OnFloats::Kind::kConvolution ? convolved(replay, call, *packed_of(call))
                                                                 : replay.on_numbers(twin_of(call, *how)).at(0);
  return how->is_relu ? y.clamp_min(0) : y;
}

// Of a product with a bias.
double slack_of(const Replay& replay, const Tape& tape, const TapeCall& call, const at::Tensor& result) {
  const TapeList* packed = packed_of(call);
  if (packed == nullptr || packed->size() < 2 || !packed->at(1).value()) return kCodeSlack;
  const TapeArgument* input = call.find("X") ? call.find("X") : call.find("qx");
  const at::Tensor x = replay.value(*input->value());
  const std::vector<double>& scales = tape.info(*packed->at(0).value()).affine.scales;
  if (!x.is_quantized() || scales.empty()) return kCodeSlack;
  return slack_with_bias(x.q_scale(), *std::max_element(scales.begin(), scales.end()), result.q_scale());
}

// Of operators whose few steps are the same in every engine, where none of these rounds.
bool rounds_ties_to_even(const Replay& replay, const TapeCall& call, const at::Tensor& result) {
  const OnFloats* how = on_floats(call.op);
  if (how == nullptr || !how->has_few_steps) return false;
  if (!is_short_scale(result.q_scale()) || !is_short_scale(1 / result.q_scale())) return false;
  const std::vector<TapeValue> read = call.tensors_read();
  return std::all_of(read.begin(), read.end(), [&](TapeValue value) {
    const at::Tensor given = replay.value(value);
    return !given.defined() || !given.is_quantized() ||
           (given.qscheme() == at::kPerTensorAffine && is_short_scale(given.q_scale()));
  });
}

}  // namespace

std::optional<ExactCodes> exact_codes(const Replay& replay, const Tape& tape, const TapeCall& call,
                                      const at::Tensor& result) {
  if (result.qscheme() != at::kPerTensorAffine) return std::nullopt;
  at::Tensor numbers;
  try {
    numbers = numbers_given(replay, call, result);
  } catch (const std::exception&) {
    return std::nullopt;  // torch has no kernel for such an operator in f64
  }
  if (!numbers.defined() || numbers.sizes() != result.sizes()) return std::nullopt;
  ExactCodes exact{(numbers.to(at::kDouble) / result.q_scale()).contiguous(), {}};
  const ItemRange items = representation_of(from_torch(result.scalar_type())).range;
  exact.rule.zero_point = result.q_zero_point();
  const auto zero = static_cast<double>(result.q_zero_point());
  exact.rule.range = {items.low - zero, items.high - zero};
  exact.rule.slack = slack_of(replay, tape, call, result);
  exact.rule.ties_to_even = rounds_ties_to_even(replay, call, result);
  return exact;
}

}  // namespace torch2nnef
