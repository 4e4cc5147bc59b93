#include "export/ops/number_types/integer_products.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "export/ops/number_types/quantised.h"
#include "nnef/dialect/quirks.h"
#include "quant/affine.h"
#include "quant/weight_uses.h"

namespace torch2nnef {
namespace {

constexpr double kMiddle = 128;  // between the items of u8 and those of i8
// Sums that have a scale each are scaled in f32, one by one. With fewer products a sum that takes more time than
// integers save (bench/RESULTS.md).
constexpr std::size_t kProductsThatPay = 128;

// A weight's items and, of each of its outputs, their sum, which a shift of the other factor adds to the products.
struct IntegerWeight {
  ConstantPtr items;
  std::string label;
  std::vector<std::int64_t> row_sums;
  std::vector<double> scales;  // one, or one of each output

  double scale_of(std::size_t row) const { return scales.at(scales.size() == 1 ? 0 : row); }
};

IntegerWeight integer_weight(Call& call, const PackedWeight& packed) {
  const TapeValueInfo& info = call.tape().info(packed.weight);
  const auto is_zero = [](std::int64_t zero) { return zero == 0; };
  const bool is_plain = info.type == ScalarType::kQInt8 && info.affine.is_known() && info.affine.axis <= 0 &&
                        std::all_of(info.affine.zero_points.begin(), info.affine.zero_points.end(), is_zero);
  if (!is_plain) throw DoesNotApply("weights whose items are not i8 without a zero point");
  const ConstantPtr items = info.constant->evaluated("aten::int_repr", {});
  const auto rows = static_cast<std::size_t>(items->shape().at(0));
  const std::size_t row = rows == 0 ? 1 : items->byte_size() / rows;
  std::vector<std::int64_t> sums(rows, 0);
  std::size_t at = 0;
  items->stream([&](const void* bytes, std::size_t count) {
    const auto* begin = static_cast<const std::int8_t*>(bytes);
    for (std::size_t i = 0; i < count; ++i, ++at) sums[at / row] += begin[i];
  });
  return {items, call.label(info, "weight"), std::move(sums), info.affine.scales};
}

// Of an input and a result of 8 bits: the scales, and what is added to their codes to make items of i8.
struct Bytes {
  double input_scale, input_shift, step, result_shift;
};

Bytes bytes_of(Call& call, std::string_view input) {
  const auto is_byte = [](const TapeValueInfo& info) {
    return (info.type == ScalarType::kQUInt8 || info.type == ScalarType::kQInt8) && info.affine.is_per_tensor();
  };
  const TapeValueInfo &x = call.info(input), &result = call.result_info();
  const double* scale = std::get_if<double>(&call.operands(input).scale.is);
  if (scale == nullptr || !is_byte(x) || !is_byte(result)) {
    throw DoesNotApply("items that are not 8 bits under known parameters");
  }
  const auto shift = [](const TapeValueInfo& info) { return shift_to_bytes(info.type, info.affine.zero_points.at(0)); };
  return {*scale, shift(x), result.affine.scales.at(0), shift(result)};
}

// The sums of products with the weight, exact, in f32, less what `shift` adds to each item: a number, or a value of
// rank 0. `items` are i8.
Value exact_sums(Call& call, Value items, const Argument& shift, const IntegerWeight& weight) {
  Builder& b = call.builder();
  const std::string expression = product_expression(static_cast<std::size_t>(b.rank(items)), false);
  Value sums = b.add("tract_core_einsum", {Argument(std::vector<Value>{items, b.variable(weight.label, weight.items)})},
                     {{"expr", expression}, {"acc", "i32"}});
  const double* known = std::get_if<double>(&shift.is);
  if (known == nullptr || *known != 0) {
    const Argument in_i32 =
        known != nullptr ? b.literal(*known, DType::kI32) : Argument(b.cast(*shift.value(), DType::kI32));
    const Value row_sums = b.variable(weight.label + "_row_sums", nnef::vector_tensor(DType::kI32, weight.row_sums));
    sums = b.binary("sub", sums, b.binary("mul", row_sums, in_i32));
  }
  return b.cast(sums, DType::kF32);
}

// A number for all rows of the weight, or one for each.
Argument row_factors(Call& call, const IntegerWeight& weight, double factor) {
  std::vector<double> factors = weight.scales;
  for (double& scale : factors) scale *= factor;
  if (factors.size() == 1) return call.builder().literal(factors.front(), DType::kF32);
  return number_variable(call.builder(), call.label("weight_scales"), factors);
}

Value with_bias(Call& call, const PackedWeight& packed, Value y, double factor) {
  const std::optional<Value> bias = scaled_bias(call, packed, factor);
  return bias ? call.builder().binary("add", y, *bias) : y;
}

void lower_linear(Call& call) {
  const PackedWeight packed = packed_weight(call, "W_prepack");
  const Bytes bytes = bytes_of(call, "X");
  const IntegerWeight weight = integer_weight(call, packed);
  const Value sums = exact_sums(call, call.bytes("X"), Argument(bytes.input_shift), weight);
  const Value steps = call.builder().binary("mul", sums, row_factors(call, weight, bytes.input_scale / bytes.step));
  call.result_steps(0, with_bias(call, packed, steps, 1 / bytes.step), ends_with_relu(call));
}

void lower_linear_dynamic(Call& call) {
  Builder& b = call.builder();
  const PackedWeight packed = packed_weight(call, "W_prepack");
  const IntegerWeight weight = integer_weight(call, packed);
  const Value x = call.tensor_as("X", DType::kF32);
  const CodesByRange chosen = codes_by_range(b, x, reduces_range(call));
  const Value shift = b.binary("sub", chosen.by.zero_point, b.literal(kMiddle, DType::kF32));
  const Value items = b.cast(b.binary("add", chosen.codes, shift), DType::kI8);
  const Value sums = exact_sums(call, items, shift, weight);
  Value y = b.binary("mul", sums, b.binary("mul", row_factors(call, weight, 1), chosen.by.scale));
  y = with_bias(call, packed, y, 1);
  call.result(ends_with_relu(call) ? b.unary("relu", y) : y);
}

ConstantPtr constant_bias(Call& call, const PackedWeight& packed) {
  const ConstantPtr bias = call.tape().info(packed.bias).constant;
  if (!bias) throw Unsupported("a bias that depends on an input");
  return bias;
}

// What is added to the sums of a convolution: the bias in steps of the products, rounded as qnnpack's kernels have it,
// less what the shift of the input adds.
Value sums_bias(Call& call, const PackedWeight& packed, const IntegerWeight& weight, const Bytes& bytes) {
  const std::size_t rows = weight.row_sums.size(), row = rows == 0 ? 1 : weight.items->byte_size() / rows;
  const std::vector<double> numbers =
      packed.bias ? constant_bias(call, packed)->to_doubles() : std::vector<double>(rows);
  const double largest = std::numeric_limits<std::int32_t>::max() - kMiddle * kMiddle * static_cast<double>(row);
  std::vector<std::int64_t> items(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const double steps = std::nearbyint(numbers[i] / (bytes.input_scale * weight.scale_of(i)));
    const double item = steps - bytes.input_shift * static_cast<double>(weight.row_sums[i]);
    if (!(std::abs(item) < largest)) throw DoesNotApply("sums beyond 32 bits");
    items[i] = static_cast<std::int64_t>(item);
  }
  return call.builder().variable(weight.label + "_bias", nnef::vector_tensor(DType::kI32, items));
}

// Stride, padding and dilation of the axes that the input has; a file keeps two for a convolution along one.
std::vector<std::int64_t> spatial_items(const PackedWeight& packed, std::size_t which, std::size_t axes) {
  const TapeList* list = packed.rest.at(which).list();
  std::vector<std::int64_t> items;
  for (const TapeArgument& argument : *list) items.push_back(std::get<Dim>(argument.is).value());
  if (items.size() < axes) throw DoesNotApply("a convolution of an unknown kind");
  items.erase(items.begin(), items.end() - static_cast<std::ptrdiff_t>(axes));
  return items;
}

// The input's items beside a border of those that mean 0: the operators' own border is 0, whatever that means.
Value padded_input(Call& call, const PackedWeight& packed, const Bytes& bytes) {
  const Value x = call.bytes("qx");
  const std::vector<std::int64_t> padding = spatial_items(packed, 1, call.shape("qx").size() - 2);
  if (std::all_of(padding.begin(), padding.end(), [](std::int64_t amount) { return amount == 0; })) return x;
  std::vector<std::pair<Dim, Dim>> pairs(2, {0, 0});
  for (std::int64_t amount : padding) pairs.emplace_back(amount, amount);
  return call.builder().add(
      "pad", {x},
      {{"padding", pairs}, {"border", "constant"}, {"value", static_cast<std::int64_t>(bytes.input_shift)}});
}

ConstantPtr filter_of(const IntegerWeight& weight, std::size_t axes) {
  std::vector<std::int64_t> shape = weight.items->shape();
  if (shape.size() != axes + 3) return weight.items;
  shape.erase(shape.begin() + 2);
  return weight.items->reshaped(shape);
}

// Of a convolution whose input is padded; "groups": T-QCONV-GROUP.
std::vector<nnef::NamedArgument> attributes_of(const PackedWeight& packed, std::size_t axes) {
  return {{"groups", std::get<Dim>(packed.rest.at(4).is)},
          {"dilation", spatial_items(packed, 3, axes)},
          {"stride", spatial_items(packed, 0, axes)},
          {"padding", std::vector<std::pair<Dim, Dim>>(axes, {0, 0})}};
}

// Of the sums: their scale to items of 8 bits in the same operator, where the weight has one for all outputs.
struct Requantised {
  double factor = 1, zero = 0;
  const char* type = "i32";
};

Value convolution(Call& call, const PackedWeight& packed, const IntegerWeight& weight, const Bytes& bytes,
                  const Requantised& how) {
  Builder& b = call.builder();
  const std::size_t axes = call.shape("qx").size() - 2;
  std::vector<nnef::NamedArgument> attributes = attributes_of(packed, axes);
  // a is the filter, b the input.
  for (nnef::NamedArgument& named : std::vector<nnef::NamedArgument>{{"border", "constant"},
                                                                     {"a0", 0},
                                                                     {"a_scale", how.factor},
                                                                     {"b0", 0},
                                                                     {"b_scale", 1.0},
                                                                     {"c0", static_cast<std::int64_t>(how.zero)},
                                                                     {"c_scale", 1.0},
                                                                     {"output_dt", how.type}})
    attributes.push_back(std::move(named));
  return b.add("tract_core_qconv",
               {padded_input(call, packed, bytes), b.variable(weight.label, filter_of(weight, axes)),
                sums_bias(call, packed, weight, bytes)},
               std::move(attributes));
}

void set_items(Call& call, Value items, const Bytes& bytes) {
  Builder& b = call.builder();
  // No item is less than -128, which is what 0 is where a ReLU chose the range.
  if (ends_with_relu(call) && bytes.result_shift > -kMiddle)
    items = b.binary("max", items, b.literal(bytes.result_shift, DType::kI8));
  call.result_bytes(0, items);
}

// In f32 between items of i8. Sums are far below 2^22 steps: there they could not be rounded.
void convolve_in_f32(Call& call, const PackedWeight& packed, const IntegerWeight& weight, const Bytes& bytes) {
  Builder& b = call.builder();
  const std::size_t rows = weight.row_sums.size();
  const double products = static_cast<double>(weight.items->byte_size()) / static_cast<double>(rows);
  std::vector<double> factors = weight.scales;
  for (double& factor : factors) factor *= bytes.input_scale / bytes.step;
  std::vector<double> bias = packed.bias ? constant_bias(call, packed)->to_doubles() : std::vector<double>(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const double factor = factors.at(factors.size() == 1 ? 0 : i);
    bias[i] /= bytes.step;
    if (!(products * kMiddle * kMiddle * factor + std::abs(bias[i]) < kRoundedBelow)) throw DoesNotApply("large sums");
    bias[i] += bytes.result_shift - bytes.input_shift * factor * static_cast<double>(weight.row_sums[i]);
  }
  const std::size_t axes = call.shape("qx").size() - 2;
  const Value x = b.cast(padded_input(call, packed, bytes), DType::kF32);
  const Value filter = b.cast(b.variable(weight.label, filter_of(weight, axes)), DType::kF32);
  const Value y = b.add("conv",
                        {x, scaled_weight(b, weight.label + "_scales", filter, factors, 0),
                         number_variable(b, weight.label + "_bias", bias)},
                        attributes_of(packed, axes));
  set_items(call, bytes_of_steps(b, y), bytes);
}

void lower_conv(Call& call) {
  Builder& b = call.builder();
  const PackedWeight packed = packed_weight_of_convolution(call);
  if (std::get<bool>(packed.rest.at(5).is)) throw DoesNotApply("a transposed convolution");
  const Bytes bytes = bytes_of(call, "qx");
  const IntegerWeight weight = integer_weight(call, packed);
  const bool has_one_scale = weight.scales.size() == 1;
  const bool is_short = weight.items->byte_size() < kProductsThatPay * weight.row_sums.size();
  // tract multiplies the integers of each group by themselves.
  const bool is_grouped = std::get<Dim>(packed.rest.at(4).is) != Dim(1);
  if (is_grouped || (!has_one_scale && is_short)) return convolve_in_f32(call, packed, weight, bytes);
  const double factor = bytes.input_scale / bytes.step;
  if (has_one_scale) {
    const Requantised items{factor * weight.scales.front(), bytes.result_shift, "i8"};
    return set_items(call, convolution(call, packed, weight, bytes, items), bytes);
  }
  const nnef::Version& release = b.dialect().target().version;
  if (nnef::find_quirk("T-QCONV-I32")->symptom_in(release) != nnef::Symptom::kRight)
    return convolve_in_f32(call, packed, weight, bytes);
  const Value sums = b.cast(convolution(call, packed, weight, bytes, {}), DType::kF32);
  const Value factors = placed_row(b, *row_factors(call, weight, factor).value(), call.shape("qx").size() - 2);
  call.result_steps(0, b.binary("mul", sums, factors), ends_with_relu(call));
}

}  // namespace

std::shared_ptr<const Registry> integer_products() {
  auto registry = std::make_shared<Registry>();
  registry->add("quantized::linear quantized::linear_relu", lower_linear);
  registry->add("quantized::linear_dynamic quantized::linear_relu_dynamic", lower_linear_dynamic);
  registry->add(
      "quantized::conv1d quantized::conv1d_relu quantized::conv2d quantized::conv2d_relu quantized::conv3d "
      "quantized::conv3d_relu",
      lower_conv);
  return registry;
}

}  // namespace torch2nnef
