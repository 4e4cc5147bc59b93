// Quantised operators. Sums of products run on whole numbers; everything else on the numbers that the codes mean, and
// is rounded to the codes of the result.

#include "export/ops/number_types/quantised.h"

#include <algorithm>
#include <cmath>

#include "export/lower/sub_call.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr DType kReal = DType::kF32;

ItemRange result_range(const Call& call) { return representation_of(call.result_type()).range; }

ItemRange halved(ItemRange range) { return {std::trunc(range.low / 2), std::trunc(range.high / 2)}; }

// --- to and from quantised ---

void lower_quantize(Call& call) {
  auto is_live = [&](std::string_view name) {
    const TapeValue* value = call.tape_call().find(name)->value();
    return value && !call.info(name).constant;
  };
  if (!is_live("scale") && !is_live("zero_point")) return call.result(call.tensor_as("self", kReal));
  const Argument scale = call.scalar_as("scale", kReal);
  const AffineOperands operands{scale, call.scalar_as("zero_point", kReal)};
  call.result_codes(0, codes_of_numbers(call.builder(), call.tensor("self"), operands, result_range(call)), operands);
}

void lower_quantize_dynamic(Call& call) {
  Builder& b = call.builder();
  const ItemRange range = result_range(call);
  const Value x = call.tensor_as("self", kReal);
  const AffineOperands chosen = chosen_operands(b, x, call.flag("reduce_range") ? halved(range) : range);
  call.result_codes(0, codes_of_numbers(b, x, chosen, range), chosen);
}

// One scale and zero point for each place of an axis.
void lower_quantize_per_channel(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("axis", call.rank("self"));
  auto placed = [&](std::string_view name) {
    Value x = call.tensor_as(name, kReal);
    for (int i = axis + 1; i < call.rank("self"); ++i) x = b.unsqueeze(x, {b.rank(x)});
    return x;
  };
  const Value scale = placed("scales");
  const AffineOperands operands{scale, placed("zero_points")};
  call.result_codes(0, codes_of_numbers(b, call.tensor("self"), operands, result_range(call)), operands);
}

void lower_dequantize(Call& call) {
  if (call.tape_call().find("self")) return call.result(call.tensor("self"));
  std::vector<Value> values = call.tensors("tensors");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (call.wanted(i)) call.result(i, values[i]);
  }
}

void lower_int_repr(Call& call) {
  Builder& b = call.builder();
  const Value items = items_of_codes(b, call.codes("self"), call.operands("self").zero_point);
  call.result(b.cast(b.cast(items, DType::kI32), call.result_dtype()));
}

// --- sums of products ---

// What a packed weight holds: the weight, the bias or None; of a convolution also stride, padding, output padding,
// dilation, groups and whether it is transposed.
struct Packed {
  Value codes;
  std::vector<double> scales;
  std::optional<Value> bias;
  Shape shape;
  TapeList rest;
};

Packed packed_of(Call& call, std::string_view name) {
  const TapeList* list = call.tape_call().find(name)->list();
  if (!list || list->size() < 2 || !list->front().value()) throw Unsupported("packed weights of an unknown kind");
  TapeValue weight = *list->front().value();
  const TapeValueInfo& info = call.tape().info(weight);
  if (!info.constant || !is_quantised(info.type)) throw Unsupported("packed weights that are not quantised integers");
  Packed packed{call.codes(weight), info.affine.scales, std::nullopt, info.shape, {}};
  if (const TapeValue* bias = (*list)[1].value()) packed.bias = call.builder().cast(call.value(*bias), kReal);
  packed.rest.assign(list->begin() + 2, list->end());
  return packed;
}

// quantized::linear_relu, quantized::linear_relu_dynamic, but not quantized::leaky_relu.
bool ends_with_relu(const Call& call) {
  const std::string& op = call.tape_call().op;
  return op.find("_relu") != std::string::npos && op != "quantized::leaky_relu";
}

Value with_relu(Call& call, Value y) { return ends_with_relu(call) ? call.builder().unary("relu", y) : y; }

// The sums of products times scale of the input times scale of the weight; `behind` axes follow that of the channels.
Value times_scales(Call& call, Value sums, const Packed& packed, const Argument& input_scale, int behind) {
  Builder& b = call.builder();
  const double* known = std::get_if<double>(&input_scale.is);
  const double factor = known == nullptr ? 1.0 : *known;
  if (packed.scales.size() == 1) {
    sums = b.binary("mul", sums, b.literal(factor * packed.scales[0], kReal));
  } else {
    std::vector<double> scales;
    for (double scale : packed.scales) scales.push_back(factor * scale);
    Value row = number_variable(b, call.label("scales"), scales);
    for (int i = 0; i < behind; ++i) row = b.unsqueeze(row, {b.rank(row)});
    sums = b.binary("mul", sums, row);
  }
  return known == nullptr ? b.binary("mul", sums, input_scale) : sums;
}

void lower_linear(Call& call) {
  Builder& b = call.builder();
  Packed packed = packed_of(call, "W_prepack");
  Value sums = linear(b, call.codes("X"), packed.codes, std::nullopt);
  Value y = times_scales(call, sums, packed, call.operands("X").scale, 0);
  if (packed.bias) y = b.binary("add", y, *packed.bias);
  call.result(with_relu(call, y));
}

// The input is quantised by its own range at run time.
void lower_linear_dynamic(Call& call) {
  Builder& b = call.builder();
  Packed packed = packed_of(call, "W_prepack");
  bool is_reduced = call.tape_call().find("reduce_range") && call.flag("reduce_range");
  const Value x = call.tensor_as("X", kReal);
  const AffineOperands chosen = chosen_operands(b, x, {0, is_reduced ? 127.0 : 255.0});
  const Value codes = codes_of_numbers(b, x, chosen, {0, 255});
  Value y = times_scales(call, linear(b, codes, packed.codes, std::nullopt), packed, chosen.scale, 0);
  if (packed.bias) y = b.binary("add", y, *packed.bias);
  call.result(with_relu(call, y));
}

// Packed parameters of one spatial axis are those of two with a height of 1.
TapeArgument last_items(const TapeArgument& argument, std::size_t count) {
  const TapeList& list = *argument.list();
  return {TapeList(list.end() - static_cast<std::ptrdiff_t>(std::min(count, list.size())), list.end())};
}

void lower_conv(Call& call) {
  Builder& b = call.builder();
  Packed packed = packed_of(call, "packed_weight");
  std::size_t axes = call.shape("qx").size() - 2;
  const TapeValueInfo& input = call.info("qx");
  if (packed.shape.size() == axes + 3) packed.codes = b.squeeze(packed.codes, {2});
  bool is_transposed = std::get<bool>(packed.rest.at(5).is);
  if (is_transposed && packed.scales.size() > 1) throw Unsupported("a transposed convolution quantised by channel");
  SubCall sub(call, "aten::convolution");
  TapeValueInfo real;
  real.shape = input.shape;
  sub.argument("input", {sub.tensor(std::move(real), call.codes("qx"))});
  sub.argument("weight", {sub.tensor(packed.codes)});
  sub.argument("bias", {});
  sub.argument("stride", last_items(packed.rest.at(0), axes));
  sub.argument("padding", last_items(packed.rest.at(1), axes));
  sub.argument("dilation", last_items(packed.rest.at(3), axes));
  sub.argument("transposed", {is_transposed});
  sub.argument("output_padding", last_items(packed.rest.at(2), axes));
  sub.argument("groups", packed.rest.at(4));
  sub.expect(ScalarType::kFloat32, call.result_shape());
  int behind = static_cast<int>(axes);
  Value y = times_scales(call, sub.run().at(0), packed, call.operands("qx").scale, behind);
  if (packed.bias) {
    Value bias = *packed.bias;
    for (int i = 0; i < behind; ++i) bias = b.unsqueeze(bias, {b.rank(bias)});
    y = b.binary("add", y, bias);
  }
  call.result(with_relu(call, y));
}

// --- on the numbers ---

LoweringFunction arithmetic(const char* op) {
  return [op](Call& call) {
    Builder& b = call.builder();
    const TapeArgument* second = call.tape_call().find("qb");
    Value x = call.tensor(call.tape_call().find("qa") ? "qa" : "qx");
    Argument y = second && second->value() ? Argument(call.tensor("qb"))
                                           : call.scalar_as(second                       ? "qb"
                                                            : call.tape_call().find("b") ? "b"
                                                                                         : "c",
                                                            kReal);
    call.result(with_relu(call, b.binary(op, x, y)));
  };
}

void lower_cat(Call& call) {
  Builder& b = call.builder();
  call.result(
      with_relu(call, b.concat(call.tensors("qx"), call.axis("dim", static_cast<int>(call.result_shape().size())))));
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
      sub.argument(to, value ? TapeArgument{sub.tensor(call.value(*value))} : argument);
    }
    for (const auto& [name, argument] : how.added) sub.argument(name, argument, true);
    sub.expect(ScalarType::kFloat32, call.result_shape());
    call.result(with_relu(call, sub.run().at(0)));
  };
}

void register_on_numbers(Registry& registry) {
  const TapeArgument none, no{false};
  const std::vector<std::pair<const char*, const char*>> norm = {
      {"input", "input"}, {"weight", "weight"}, {"bias", "bias"}, {"eps", "eps"}};
  auto with = [&](std::vector<std::pair<const char*, const char*>> more) {
    more.insert(more.end(), norm.begin(), norm.end());
    return more;
  };
  registry.add("quantized::hardswish", on_numbers({"aten::hardswish", {{"input", "self"}}, {}}));
  registry.add("quantized::leaky_relu",
               on_numbers({"aten::leaky_relu", {{"qx", "self"}, {"negative_slope", "negative_slope"}}, {}}));
  registry.add("quantized::sigmoid", on_numbers({"aten::sigmoid", {{"qx", "self"}}, {}}));
  registry.add("quantized::elu",
               on_numbers({"aten::elu",
                           {{"self", "self"}, {"alpha", "alpha"}, {"scale", "scale"}, {"input_scale", "input_scale"}},
                           {}}));
  registry.add("quantized::celu", on_numbers({"aten::celu", {{"self", "self"}, {"alpha", "alpha"}}, {}}));
  registry.add("quantized::softmax",
               on_numbers({"aten::softmax", {{"qx", "self"}, {"dim", "dim"}}, {{"dtype", none}}}));
  registry.add(
      "quantized::layer_norm",
      on_numbers({"aten::layer_norm", with({{"normalized_shape", "normalized_shape"}}), {{"cudnn_enable", no}}}));
  registry.add("quantized::batch_norm2d quantized::batch_norm2d_relu",
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

void register_quantised(Registry& registry);

void register_quantised(Registry& registry) {
  static constexpr char kTies[] = "may differ by one step where a number lies between two items";
  registry.add("aten::quantize_per_tensor", lower_quantize);
  registry.add("aten::quantize_per_tensor_dynamic", lower_quantize_dynamic);
  registry.add("aten::quantize_per_channel", lower_quantize_per_channel);
  registry.add("aten::dequantize", lower_dequantize);
  registry.add("aten::int_repr", lower_int_repr, "of tensors with one scale");
  registry.add("quantized::linear quantized::linear_relu", lower_linear, kTies);
  registry.add("quantized::linear_dynamic quantized::linear_relu_dynamic", lower_linear_dynamic, kTies);
  registry.add(
      "quantized::conv1d quantized::conv1d_relu quantized::conv2d quantized::conv2d_relu quantized::conv_transpose1d "
      "quantized::conv_transpose2d",
      lower_conv, kTies);
  registry.add("quantized::add quantized::add_relu quantized::add_scalar quantized::add_scalar_relu", arithmetic("add"),
               kTies);
  registry.add("quantized::mul quantized::mul_relu quantized::mul_scalar quantized::mul_scalar_relu", arithmetic("mul"),
               kTies);
  registry.add("quantized::cat quantized::cat_relu", lower_cat);
  registry.add("quantized::matmul", lower_matmul, kTies);
  register_on_numbers(registry);
}

}  // namespace torch2nnef
