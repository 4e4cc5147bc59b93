#include "export/ops/signal/fourier.h"

#include <cmath>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

const Dim& size_of(Builder& b, Value x, int axis) { return b.shape(x).at(static_cast<std::size_t>(axis)); }

}  // namespace

Value packed_real(Call& call, Value x) {
  Builder& b = call.builder();
  Value column = b.unsqueeze(x, {b.rank(x)});
  return b.concat({column, zeros(call, b.dtype(x), b.shape(column))}, b.rank(x));
}

Value packed_argument(Call& call, std::string_view name, DType dtype) {
  if (call.is_complex(name)) return call.builder().cast(call.packed(name), dtype);
  return packed_real(call, call.tensor_as(name, dtype));
}

Value real_part(Call& call, Value packed) {
  Builder& b = call.builder();
  int last = b.rank(packed) - 1;
  return b.squeeze(b.slice(packed, last, 0, 1), {last});
}

Value conjugated(Call& call, Value packed) {
  Builder& b = call.builder();
  int last = b.rank(packed) - 1;
  return b.concat({b.slice(packed, last, 0, 1), b.unary("neg", b.slice(packed, last, 1, 2))}, last);
}

Value resized(Call& call, Value x, int axis, const Dim& size) {
  Builder& b = call.builder();
  Dim missing = size - size_of(b, x, axis);
  if (missing == Dim(0)) return x;
  Sign sign = sign_of(call, missing);
  if (sign != Sign::kNegative) {
    // Where the axis is longer at some sizes and shorter at others, as many zeros as may be missing at all.
    Shape shape = b.shape(x);
    shape[static_cast<std::size_t>(axis)] = sign == Sign::kBoth ? size : missing;
    x = b.concat({x, zeros(call, b.dtype(x), shape)}, axis);
  }
  return b.slice(x, axis, 0, size);
}

Value transformed(Call& call, Value packed, int axis, Direction direction) {
  return call.builder().add("tract_core_fft", {packed},
                            {{"axis", axis}, {"inverse", direction == Direction::kInverse}});
}

// The other items are the conjugates of these in reverse order. Of what has no partner (the first, and the last of an
// even size) torch ignores the imaginary part; here it goes into the imaginary part of the result.
Value real_from_half(Call& call, Value half, int axis, const Dim& size) {
  Builder& b = call.builder();
  half = resized(call, half, axis, floor_div(size, 2) + 1);
  Dim end = ceil_div(size, 2);
  if (end != Dim(1)) {
    Value others = conjugated(call, reversed(call, b.slice(half, axis, 1, end), axis));
    half = b.concat({half, others}, axis);
  }
  return real_part(call, transformed(call, half, axis, Direction::kInverse));
}

Value normalized(Call& call, Value x, const std::string& norm, Direction direction, const Dim& size) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  bool is_root = norm == "ortho";
  if (!is_root && norm != "backward" && norm != "forward") throw Unsupported("a transform of norm '" + norm + "'");
  if (!is_root && (norm == "backward") == (direction == Direction::kForward)) return x;
  if (std::optional<std::int64_t> items = size.constant()) {
    double factor = 1.0 / static_cast<double>(*items);
    return b.binary("mul", x, b.literal(is_root ? std::sqrt(factor) : factor, dtype));
  }
  Value items = call.dim_tensor(size, dtype);
  return b.binary("div", x, is_root ? b.unary("sqrt", items) : items);
}

}  // namespace torch2nnef
