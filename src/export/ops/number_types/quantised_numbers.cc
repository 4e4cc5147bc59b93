// Quantised operators that are computed on the numbers that the codes mean; the results are rounded to codes.

#include <cmath>

#include "export/lower/sub_call.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/number_types/quantised.h"

namespace torch2nnef {

bool ends_with_relu(const Call& call) {
  const std::string& op = call.tape_call().op;
  return op.find("_relu") != std::string::npos && op != "quantized::leaky_relu";
}

namespace {

constexpr DType kSingle = DType::kF32;

// Numbers as the result, negative ones as 0 where the operator's name says so.
void set_numbers(Call& call, Value numbers) { call.result_numbers(0, numbers, ends_with_relu(call)); }

// A number beside a tensor. torch adds it to the zero point, as whole steps of the tensor's scale.
Argument scalar_beside(Call& call, std::string_view tensor, std::string_view name, bool is_added) {
  const Argument scalar = call.scalar_as(name, kSingle);
  const double* number = std::get_if<double>(&scalar.is);
  const double* scale = std::get_if<double>(&call.operands(tensor).scale.is);
  if (!is_added || number == nullptr || scale == nullptr) return scalar;
  return call.builder().literal(std::nearbyint(*number / *scale) * *scale, kSingle);
}

LoweringFunction arithmetic(const char* op) {
  return [op](Call& call) {
    const TapeArgument* second = call.tape_call().find("qb");
    const bool is_pair = second != nullptr && second->value() != nullptr;
    const Value x = call.tensor("qa");
    const Argument y =
        is_pair ? Argument(call.tensor("qb")) : scalar_beside(call, "qa", "b", std::string_view(op) == "add");
    set_numbers(call, call.builder().binary(op, x, y));
  };
}

void lower_cat(Call& call) {
  const int axis = call.axis("dim", static_cast<int>(call.result_shape().size()));
  set_numbers(call, call.builder().concat(call.tensors("qx"), axis));
}

void lower_matmul(Call& call) { call.result(matmul(call.builder(), call.tensor("qa"), call.tensor("qb"))); }

// The operator of the same name on floats; `renamed` are arguments that it calls otherwise, those that only it has come
// with their values.
struct OnNumbers {
  const char* op;
  std::vector<std::pair<const char*, const char*>> renamed;  // quantised name, name on floats
  std::vector<std::pair<const char*, TapeArgument>> added;
};

LoweringFunction on_numbers(OnNumbers how) {
  return [how](Call& call) {
    SubCall sub(call, how.op);
    for (const auto& [from, to] : how.renamed) {
      const TapeArgument& argument = *call.tape_call().find(from);
      const TapeValue* value = argument.value();
      sub.argument(to, value && *value ? TapeArgument{sub.tensor(call.value(*value))} : argument);
    }
    for (const auto& [name, argument] : how.added) sub.argument(name, argument, true);
    sub.expect(ScalarType::kFloat32, call.result_shape());
    set_numbers(call, sub.run().at(0));
  };
}

using Names = std::vector<std::pair<const char*, const char*>>;

void register_activations(Registry& registry) {
  registry.add("quantized::hardswish", on_numbers({"aten::hardswish", {{"input", "self"}}, {}}));
  registry.add("quantized::leaky_relu",
               on_numbers({"aten::leaky_relu", {{"qx", "self"}, {"negative_slope", "negative_slope"}}, {}}));
  registry.add("quantized::sigmoid", on_numbers({"aten::sigmoid", {{"qx", "self"}}, {}}));
  registry.add("quantized::elu",
               on_numbers({"aten::elu",
                           {{"self", "self"}, {"alpha", "alpha"}, {"scale", "scale"}, {"input_scale", "input_scale"}},
                           {}}));
  registry.add("quantized::celu", on_numbers({"aten::celu", {{"self", "self"}, {"alpha", "alpha"}}, {}}));
  registry.add("quantized::prelu", on_numbers({"aten::prelu", {{"qx", "self"}, {"weight", "weight"}}, {}}));
  registry.add("quantized::relu6",
               on_numbers({"aten::hardtanh", {{"qx", "self"}}, {{"min_val", {0.0}}, {"max_val", {6.0}}}}));
  registry.add("quantized::clamp", on_numbers({"aten::clamp", {{"qx", "self"}, {"min", "min"}, {"max", "max"}}, {}}));
  registry.add("quantized::threshold",
               on_numbers({"aten::threshold", {{"qx", "self"}, {"threshold", "threshold"}, {"value", "value"}}, {}}));
  registry.add("quantized::softmax",
               on_numbers({"aten::softmax", {{"qx", "self"}, {"dim", "dim"}}, {{"dtype", TapeArgument{}}}}));
  registry.add("quantized::dropout",
               on_numbers({"aten::dropout", {{"self", "input"}, {"p", "p"}, {"training", "train"}}, {}}));
}

void register_pools(Registry& registry) {
  for (const auto& [name, op] : {std::pair{"quantized::max_pool1d", "aten::max_pool1d"},
                                 std::pair{"quantized::max_pool2d", "aten::max_pool2d"}}) {
    registry.add(name, on_numbers({op,
                                   {{"qx", "self"},
                                    {"kernel_size", "kernel_size"},
                                    {"stride", "stride"},
                                    {"padding", "padding"},
                                    {"dilation", "dilation"},
                                    {"ceil_mode", "ceil_mode"}},
                                   {}}));
  }
}

void register_norms(Registry& registry) {
  const TapeArgument no{false};
  const auto with = [](Names more) {
    for (const char* name : {"input", "weight", "bias", "eps"}) more.emplace_back(name, name);
    return more;
  };
  registry.add(
      "quantized::layer_norm",
      on_numbers({"aten::layer_norm", with({{"normalized_shape", "normalized_shape"}}), {{"cudnn_enable", no}}}));
  registry.add("quantized::group_norm",
               on_numbers({"aten::group_norm", with({{"num_groups", "num_groups"}}), {{"cudnn_enabled", no}}}));
  registry.add("quantized::instance_norm", on_numbers({"aten::instance_norm",
                                                       with({}),
                                                       {{"running_mean", TapeArgument{}},
                                                        {"running_var", TapeArgument{}},
                                                        {"use_input_stats", {true}},
                                                        {"momentum", {0.1}},
                                                        {"cudnn_enabled", no}}}));
  registry.add(
      "quantized::batch_norm quantized::batch_norm_relu quantized::batch_norm1d quantized::batch_norm1d_relu "
      "quantized::batch_norm2d quantized::batch_norm2d_relu quantized::batch_norm3d quantized::batch_norm3d_relu",
      on_numbers({"aten::batch_norm",
                  {{"qx", "input"},
                   {"weight", "weight"},
                   {"bias", "bias"},
                   {"mean", "running_mean"},
                   {"var", "running_var"},
                   {"eps", "eps"}},
                  {{"training", no}, {"momentum", {0.1}}, {"cudnn_enabled", no}}}));
}

}  // namespace

void register_quantised_numbers(Registry& registry) {
  static constexpr char kTies[] = "may differ by one step where a number lies between two items";
  registry.add("quantized::add quantized::add_relu quantized::add_scalar quantized::add_scalar_relu", arithmetic("add"),
               kTies);
  registry.add("quantized::mul quantized::mul_relu quantized::mul_scalar quantized::mul_scalar_relu", arithmetic("mul"),
               kTies);
  registry.add("quantized::cat quantized::cat_relu", lower_cat);
  registry.add("quantized::matmul", lower_matmul, kTies);
  register_activations(registry);
  register_norms(registry);
  register_pools(registry);
}

}  // namespace torch2nnef
