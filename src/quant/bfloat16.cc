#include "quant/bfloat16.h"

#include <cmath>

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Value;

constexpr double kLarge = 1.2980742146337069e33;  // 2^110, which times 2^16 + 1 still is not infinite
constexpr double kLargestOfF32 = 3.4028234663852886e38;

// Veltkamp's splitting: c - (c - x) with c = (2^16 + 1) * x has the upper 8 of the 24 bits of x.
Value upper_bits(Builder& b, Value x) {
  const Value c = b.binary("mul", x, b.literal(65537.0, nnef::DType::kF32));
  return b.binary("sub", c, b.binary("sub", c, x));
}

}  // namespace

Value rounded_to_bfloat16(Builder& b, Value x) {
  return b.select(b.binary("lt", b.unary("abs", x), b.literal(kLarge, nnef::DType::kF32)), upper_bits(b, x), x);
}

Value cast_to_bfloat16(Builder& b, Value x) {
  const Value magnitude = b.unary("abs", x);
  const Value is_large = b.binary("ge", magnitude, b.literal(kLarge, nnef::DType::kF32));
  const Value scaled = b.select(is_large, b.binary("mul", x, b.literal(std::ldexp(1.0, -17), nnef::DType::kF32)), x);
  const Value upper = upper_bits(b, scaled);
  const Value result =
      b.select(is_large, b.binary("mul", upper, b.literal(std::ldexp(1.0, 17), nnef::DType::kF32)), upper);
  return b.select(b.binary("le", magnitude, b.literal(kLargestOfF32, nnef::DType::kF32)), result, x);
}

}  // namespace torch2nnef
