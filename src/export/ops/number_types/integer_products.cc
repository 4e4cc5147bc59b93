#include "export/ops/number_types/integer_products.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "export/ops/number_types/quantised.h"
#include "quant/affine.h"
#include "quant/weight_uses.h"

namespace torch2nnef {
namespace {

constexpr double kMiddle = 128;  // between the items of u8 and those of i8

// The items of a matrix and the sums of its rows, which a shift of the other factor adds to the products.
struct IntegerWeight {
  Value items, row_sums;
  std::vector<double> scales;  // one, or one of each row
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
  const std::string label = info.label.empty() ? call.label("weight") : info.label;
  return {call.builder().variable(label, items),
          call.builder().variable(label + "_row_sums", nnef::vector_tensor(DType::kI32, sums)), info.affine.scales};
}

// The sums of products of `codes` (items less a zero point) with the weight, exact, in f32. `shift` is what makes items
// of i8 of the codes: a number, or a value of rank 0.
Value exact_sums(Call& call, Value codes, const Argument& shift, const IntegerWeight& weight) {
  Builder& b = call.builder();
  const double* known = std::get_if<double>(&shift.is);
  const Value items = b.cast(known != nullptr && *known == 0 ? codes : b.binary("add", codes, shift), DType::kI8);
  const std::string expression = product_expression(static_cast<std::size_t>(b.rank(items)), false);
  Value sums = b.add("tract_core_einsum", {Argument(std::vector<Value>{items, weight.items})},
                     {{"expr", expression}, {"acc", "i32"}});
  if (known == nullptr || *known != 0) {
    const Argument in_i32 =
        known != nullptr ? b.literal(*known, DType::kI32) : Argument(b.cast(*shift.value(), DType::kI32));
    sums = b.binary("sub", sums, b.binary("mul", weight.row_sums, in_i32));
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
  const PackedWeight packed = packed_weight(call, *call.tape_call().find("W_prepack"));
  const AffineParameters &input = call.info("X").affine, &result = call.result_info().affine;
  const ScalarType type = call.type("X");
  const bool is_byte = type == ScalarType::kQUInt8 || type == ScalarType::kQInt8;
  const double* scale = std::get_if<double>(&call.operands("X").scale.is);
  if (!is_byte || scale == nullptr || !input.is_per_tensor() || !result.is_per_tensor()) {
    throw DoesNotApply("an input whose items are not 8 bits under known parameters");
  }
  const IntegerWeight weight = integer_weight(call, packed);
  const double zero = static_cast<double>(input.zero_points.at(0)), step = result.scales.at(0);
  const double shift = type == ScalarType::kQUInt8 ? zero - kMiddle : zero;
  const Value sums = exact_sums(call, call.codes("X"), Argument(shift), weight);
  const Value steps = call.builder().binary("mul", sums, row_factors(call, weight, *scale / step));
  call.result_steps(0, with_bias(call, packed, steps, 1 / step), ends_with_relu(call));
}

void lower_linear_dynamic(Call& call) {
  Builder& b = call.builder();
  const PackedWeight packed = packed_weight(call, *call.tape_call().find("W_prepack"));
  const IntegerWeight weight = integer_weight(call, packed);
  const Value x = call.tensor_as("X", DType::kF32);
  const CodesByRange chosen = codes_by_range(b, x, reduces_range(call));
  const Value shift = b.binary("sub", chosen.by.zero_point, b.literal(kMiddle, DType::kF32));
  const Value sums = exact_sums(call, chosen.codes, shift, weight);
  Value y = b.binary("mul", sums, b.binary("mul", row_factors(call, weight, 1), chosen.by.scale));
  y = with_bias(call, packed, y, 1);
  call.result(ends_with_relu(call) ? b.unary("relu", y) : y);
}

}  // namespace

std::shared_ptr<const Registry> integer_products() {
  auto registry = std::make_shared<Registry>();
  registry->add("quantized::linear quantized::linear_relu", lower_linear);
  registry->add("quantized::linear_dynamic quantized::linear_relu_dynamic", lower_linear_dynamic);
  return registry;
}

}  // namespace torch2nnef
