#include "export/ops/number_types/bfloat16.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "quant/bfloat16.h"

namespace torch2nnef {
namespace {

// Whether the results are values of bfloat16 without rounding.
bool keeps_bfloat16(const TapeCall& call, const Tape& tape) {
  const OperatorRow& row = row_of(call.op, call.overload);
  if (!row.is(kMoves | kChooses)) return false;
  const bool is_cast = row.is(kCasts);
  const auto is_kept = [&](TapeValue value) {  // the others are indices and conditions
    const ScalarType type = tape.info(value).type;
    return type == ScalarType::kBFloat16 || (!is_floating(type) && !is_cast);
  };
  const std::vector<TapeValue> read = call.tensors_read();
  return std::all_of(read.begin(), read.end(), is_kept);
}

}  // namespace

bool rounds_once(std::string_view op) { return row_of(op).is(kMoves | kChooses | kRoundsOnce); }

Value as_bfloat16(Builder& b, Value x, const TapeCall& call, const Tape& tape) {
  if (keeps_bfloat16(call, tape)) return x;
  if (row_of(call.op).is(kCasts)) return cast_to_bfloat16(b, x);
  if (call.op == "aten::nextafter") throw Unsupported("neighbours of bfloat16", "compute them in float32");
  if (call.op == "aten::nan_to_num") {  // the largest numbers of f32 represent infinities
    const Argument low = b.literal(-kLargestBFloat16, DType::kF32), high = b.literal(kLargestBFloat16, DType::kF32);
    x = b.binary("min", b.binary("max", x, low), high);
  }
  return rounded_to_bfloat16(b, x);
}

}  // namespace torch2nnef
