// To and from quantised tensors.

#include "export/ops/number_types/quantised.h"

#include <cmath>

namespace torch2nnef {
namespace {

constexpr DType kReal = DType::kF32;

ItemRange result_range(const Call& call) { return representation_of(call.result_type()).range; }

ItemRange halved(ItemRange range) { return {std::trunc(range.low / 2), std::trunc(range.high / 2)}; }

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
  const auto behind = static_cast<std::size_t>(call.rank("self") - 1 - call.axis("axis", call.rank("self")));
  const Value scale = placed_row(b, call.tensor_as("scales", kReal), behind);
  const AffineOperands operands{scale, placed_row(b, call.tensor_as("zero_points", kReal), behind)};
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

}  // namespace

void register_quantised(Registry& registry) {
  registry.add("aten::quantize_per_tensor", lower_quantize);
  registry.add("aten::quantize_per_tensor_dynamic", lower_quantize_dynamic);
  registry.add("aten::quantize_per_channel", lower_quantize_per_channel);
  registry.add("aten::dequantize", lower_dequantize);
  registry.add("aten::int_repr", lower_int_repr, "of tensors with one scale");
}

}  // namespace torch2nnef
