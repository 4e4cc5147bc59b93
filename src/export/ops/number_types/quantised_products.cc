// Quantised convolutions and linear layers: the scales are part of the weight, so that what is left to do after the sum
// of products is to hold it to the codes and to round it.

#include <algorithm>

#include "export/lower/sub_call.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/number_types/quantised.h"

namespace torch2nnef {
PackedWeight packed_weight(const Call& call, const TapeArgument& argument) {
  const TapeList* list = argument.list();
  if (!list || list->size() < 2 || !list->front().value()) throw Unsupported("packed weights of an unknown kind");
  PackedWeight packed;
  packed.weight = *list->front().value();
  if (!call.tape().info(packed.weight).constant) throw Unsupported("packed weights that depend on an input");
  if (const TapeValue* bias = (*list)[1].value()) packed.bias = *bias;
  packed.rest.assign(list->begin() + 2, list->end());
  return packed;
}

PackedWeight packed_weight(const Call& call, std::string_view name) {
  return packed_weight(call, *call.tape_call().find(name));
}

// Older files name it otherwise and repeat what is packed.
PackedWeight packed_weight_of_convolution(const Call& call) {
  return packed_weight(call, call.tape_call().find("packed_weight") ? "packed_weight" : "weight");
}

std::optional<Value> scaled_bias(Call& call, const PackedWeight& packed, double factor) {
  if (!packed.bias) return std::nullopt;
  const TapeValueInfo& info = call.tape().info(packed.bias);
  if (!info.constant) throw Unsupported("a bias that depends on an input");
  std::vector<double> numbers = info.constant->to_doubles();
  for (double& number : numbers) number *= factor;
  const std::string label = call.label(info, "bias");
  return number_variable(call.builder(), factor == 1 ? label : label + "_in_steps", numbers);
}

Value weight_times(Call& call, const PackedWeight& packed, double factor) {
  const TapeValueInfo& info = call.tape().info(packed.weight);
  if (!is_quantised(info.type)) throw Unsupported("packed weights that are not quantised integers");
  if (!info.affine.is_known()) throw Unsupported("packed weights with parameters that are not affine");
  std::vector<double> factors = info.affine.scales;
  for (double& scale : factors) scale *= factor;
  return scaled_weight(call.builder(), call.label("weight_scales"), call.codes(packed.weight), factors,
                       std::max(info.affine.axis, 0));
}

bool reduces_range(const Call& call) { return call.tape_call().find("reduce_range") && call.flag("reduce_range"); }

namespace {

// Input, weight and bias to sums of products.
using Product = std::function<Value(Value, Value, std::optional<Value>)>;

// Sums times a scale that the graph chooses, plus the bias: numbers.
Value numbers_of_sums(Call& call, const PackedWeight& packed, Value sums, const Argument& scale, std::size_t behind) {
  Builder& b = call.builder();
  Value y = b.binary("mul", sums, scale);
  if (const std::optional<Value> bias = scaled_bias(call, packed, 1))
    y = b.binary("add", y, placed_row(b, *bias, behind));
  return y;
}

Value with_relu(Call& call, Value y) { return ends_with_relu(call) ? call.builder().unary("relu", y) : y; }

// The result of a product of a quantised input. `behind`: axes after that of the channels.
void set_product(Call& call, std::string_view input, const PackedWeight& packed, std::size_t behind,
                 const Product& product) {
  if (call.keeps_numbers()) {
    const Value weight = call.quantised_variable(packed.weight);
    return call.result_numbers(0, product(call.tensor(input), weight, scaled_bias(call, packed, 1)),
                               ends_with_relu(call));
  }
  const Argument scale = call.operands(input).scale;
  const double* known = std::get_if<double>(&scale.is);
  if (known == nullptr) {
    const Value sums = product(call.codes(input), weight_times(call, packed, 1), std::nullopt);
    return call.result(with_relu(call, numbers_of_sums(call, packed, sums, scale, behind)));
  }
  const AffineParameters& result = call.result_info().affine;
  if (!result.is_per_tensor()) throw Unsupported("a result that has no scale");
  const double step = result.scales.at(0);
  const Value weight = weight_times(call, packed, *known / step);
  call.result_steps(0, product(call.codes(input), weight, scaled_bias(call, packed, 1 / step)), ends_with_relu(call));
}

constexpr ItemRange kBytes{0, 255};

Product linear_product(Call& call) {
  return [&call](Value x, Value weight, std::optional<Value> bias) { return linear(call.builder(), x, weight, bias); };
}

void lower_linear(Call& call) { set_product(call, "X", packed_weight(call, "W_prepack"), 0, linear_product(call)); }

// The same of an input in f32, which is quantised by its own range at run time.
void lower_linear_dynamic(Call& call) {
  const PackedWeight packed = packed_weight(call, "W_prepack");
  const Value y = dynamic_linear(call.builder(), call.tensor_as("X", DType::kF32), weight_times(call, packed, 1),
                                 scaled_bias(call, packed, 1), reduces_range(call));
  call.result(with_relu(call, y));
}

// Weights of half precision, that are used in single precision.
void lower_linear_fp16(Call& call) {
  const PackedWeight packed = packed_weight(call, "W_prepack");
  const Value weight = call.builder().cast(call.value(packed.weight), DType::kF32);
  const Value x = call.tensor_as("X", DType::kF32);
  call.result(with_relu(call, linear(call.builder(), x, weight, scaled_bias(call, packed, 1))));
}

// Packed parameters of one spatial axis are those of two with a height of 1.
TapeArgument last_items(const TapeArgument& argument, std::size_t count) {
  const TapeList& list = *argument.list();
  return {TapeList(list.end() - static_cast<std::ptrdiff_t>(std::min(count, list.size())), list.end())};
}

Product conv_product(Call& call, const PackedWeight& packed, std::string_view input, std::size_t axes) {
  return [&call, &packed, input, axes](Value x, Value weight, std::optional<Value> bias) {
    Builder& b = call.builder();
    if (static_cast<std::size_t>(b.rank(weight)) == axes + 3) weight = b.squeeze(weight, {2});
    SubCall sub(call, "aten::convolution");
    TapeValueInfo real;
    real.shape = call.shape(input);
    sub.argument("input", {sub.tensor(std::move(real), x)});
    sub.argument("weight", {sub.tensor(weight)});
    sub.argument("bias", bias ? TapeArgument{sub.tensor(*bias)} : TapeArgument{});
    sub.argument("stride", last_items(packed.rest.at(0), axes));
    sub.argument("padding", last_items(packed.rest.at(1), axes));
    sub.argument("dilation", last_items(packed.rest.at(3), axes));
    sub.argument("transposed", packed.rest.at(5));
    sub.argument("output_padding", last_items(packed.rest.at(2), axes));
    sub.argument("groups", packed.rest.at(4));
    sub.expect(ScalarType::kFloat32, call.result_shape());
    return sub.run().at(0);
  };
}

void lower_conv(Call& call) {
  const PackedWeight packed = packed_weight_of_convolution(call);
  const std::size_t axes = call.shape("qx").size() - 2;
  set_product(call, "qx", packed, axes, conv_product(call, packed, "qx", axes));
}

// torch rounds and holds the result to the codes that it chose for the input, and gives the numbers of these.
void lower_conv_dynamic(Call& call) {
  Builder& b = call.builder();
  const PackedWeight packed = packed_weight(call, "packed_weight");
  const std::size_t axes = call.shape("qx").size() - 2;
  const CodesByRange x = codes_by_range(b, call.tensor_as("qx", DType::kF32), reduces_range(call));
  const Value sums = conv_product(call, packed, "qx", axes)(x.codes, weight_times(call, packed, 1), std::nullopt);
  const Value y = numbers_of_sums(call, packed, sums, x.by.scale, axes);
  call.result(numbers_of_codes(b, codes_of_numbers(b, y, x.by, kBytes), x.by.scale));
}

}  // namespace

CodesByRange codes_by_range(Builder& b, Value x, bool to_seven_bits) {
  const AffineOperands by = chosen_operands(b, x, {0, to_seven_bits ? 127.0 : 255.0});
  return {codes_of_numbers(b, x, by, kBytes), by};
}

Value dynamic_linear(Builder& b, Value x, Value weight, std::optional<Value> bias, bool is_reduced) {
  const CodesByRange chosen = codes_by_range(b, x, is_reduced);
  const Value y = b.binary("mul", linear(b, chosen.codes, weight, std::nullopt), chosen.by.scale);
  return bias ? b.binary("add", y, *bias) : y;
}

void register_quantised_products(Registry& registry) {
  static constexpr char kTies[] = "may differ by one step where a number lies between two items";
  registry.add("quantized::linear quantized::linear_relu", lower_linear, kTies);
  registry.add("quantized::linear_dynamic quantized::linear_relu_dynamic", lower_linear_dynamic, kTies);
  registry.add("quantized::linear_dynamic_fp16 quantized::linear_relu_dynamic_fp16", lower_linear_fp16);
  registry.add(
      "quantized::conv1d quantized::conv1d_relu quantized::conv2d quantized::conv2d_relu quantized::conv3d "
      "quantized::conv3d_relu quantized::conv_transpose1d quantized::conv_transpose2d quantized::conv_transpose3d",
      lower_conv, kTies);
  registry.add(
      "quantized::conv1d_dynamic quantized::conv2d_dynamic quantized::conv3d_dynamic "
      "quantized::conv_transpose1d_dynamic quantized::conv_transpose2d_dynamic quantized::conv_transpose3d_dynamic",
      lower_conv_dynamic, kTies);
}

}  // namespace torch2nnef
