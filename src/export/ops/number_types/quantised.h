// Quantised tensors, whose codes are in the graph (quant/affine.h).
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// What a call reads and gives of quantised tensors. Codes, where it moves the items of one tensor or computes what
// scales with them, with scale and zero point as they were.
Call::Quantised read_of_quantised(const TapeCall& call, ValueMap& values);

// The codes of x (items less the zero point), quantised to u8 by its own range: to 8 bits, or to 7.
struct CodesByRange {
  Value codes;
  AffineOperands by;
};
CodesByRange codes_by_range(Builder& b, Value x, bool to_seven_bits);
bool reduces_range(const Call& call);

// x times the transposed weight plus the bias, where x is first quantised by its own range: to 8 bits, or to 7 with
// `is_reduced`. `weight` holds its codes times their scales. f32.
Value dynamic_linear(Builder& b, Value x, Value weight, std::optional<Value> bias, bool is_reduced);

// What a packed weight holds: the weight, the bias or None; of a convolution also stride, padding, output padding,
// dilation, groups and whether it is transposed.
struct PackedWeight {
  TapeValue weight;
  TapeValue bias;  // none: id -1
  TapeList rest;
};
PackedWeight packed_weight(const Call& call, const TapeArgument& argument);
PackedWeight packed_weight(const Call& call, std::string_view name);
PackedWeight packed_weight_of_convolution(const Call& call);
// The weight's codes times its own scales and `factor`; the bias times a factor, in f32.
Value weight_times(Call& call, const PackedWeight& packed, double factor);
std::optional<Value> scaled_bias(Call& call, const PackedWeight& packed, double factor);

// quantized::linear_relu, quantized::linear_relu_dynamic, but not quantized::leaky_relu.
bool ends_with_relu(const Call& call);

}  // namespace torch2nnef
