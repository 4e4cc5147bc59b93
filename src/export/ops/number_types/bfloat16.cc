#include "export/ops/number_types/bfloat16.h"

#include <cmath>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

constexpr DType kF32 = DType::kF32;
constexpr double kLarge = 1.2980742146337069e33;    // 2^110, which times 2^16 + 1 still is no infinity
constexpr double kLargest = 3.3895313892515355e38;  // of bfloat16
constexpr double kLargestOfF32 = 3.4028234663852886e38;

// Veltkamp's splitting: c - (c - x) with c = (2^16 + 1) * x has the upper 8 of the 24 bits of x.
Value upper_bits(Builder& b, Value x) {
  const Value c = b.binary("mul", x, b.literal(65537.0, kF32));
  return b.binary("sub", c, b.binary("sub", c, x));
}

Value rounded(Builder& b, Value x) {
  return b.select(b.binary("lt", b.unary("abs", x), b.literal(kLarge, kF32)), upper_bits(b, x), x);
}

// The largest numbers of f32 become infinite.
Value cast(Builder& b, Value x) {
  const Value magnitude = b.unary("abs", x);
  const Value is_large = b.binary("ge", magnitude, b.literal(kLarge, kF32));
  const Value scaled = b.select(is_large, b.binary("mul", x, b.literal(std::ldexp(1.0, -17), kF32)), x);
  const Value upper = upper_bits(b, scaled);
  const Value result = b.select(is_large, b.binary("mul", upper, b.literal(std::ldexp(1.0, 17), kF32)), upper);
  return b.select(b.binary("le", magnitude, b.literal(kLargestOfF32, kF32)), result, x);
}

// Whether the results are values of bfloat16 without rounding.
bool keeps_bfloat16(const TapeCall& call, const Tape& tape) {
  const OperatorRow& row = row_of(call.op, call.overload);
  if (!row.is(kMoves | kChooses)) return false;
  const bool is_cast = row.is(kCasts);
  const auto is_kept = [&](TapeValue value) {  // the others are indices and conditions
    const ScalarType type = tape.info(value).type;
    return type == ScalarType::kBFloat16 || (!is_floating(type) && !is_cast);
  };
  for (const auto& [name, argument] : call.arguments) {
    if (const TapeValue* value = argument.value(); value != nullptr && *value && !is_kept(*value)) return false;
    if (const TapeList* list = argument.list()) {
      for (const TapeArgument& item : *list) {
        if (item.value() && *item.value() && !is_kept(*item.value())) return false;
      }
    }
  }
  return true;
}

}  // namespace

bool rounds_once(std::string_view op) { return row_of(op).is(kMoves | kChooses | kRoundsOnce); }

Value as_bfloat16(Builder& b, Value x, const TapeCall& call, const Tape& tape) {
  if (keeps_bfloat16(call, tape)) return x;
  if (row_of(call.op).is(kCasts)) return cast(b, x);
  if (call.op == "aten::nextafter") throw Unsupported("neighbours of bfloat16", "compute them in float32");
  if (call.op == "aten::nan_to_num") {  // the largest numbers of f32 stand for infinities
    x = b.binary("min", b.binary("max", x, b.literal(-kLargest, kF32)), b.literal(kLargest, kF32));
  }
  return rounded(b, x);
}

}  // namespace torch2nnef
