#include "export/ops/reduction/integer_sum.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "export/ops/shape/widened.h"

namespace torch2nnef {
namespace {

constexpr int kExactBits = 53;       // of an f64
constexpr int kFoldedBits = 31;      // of what tract adds integers in
constexpr int kSizeBits = 31;        // of a symbolic number of items
constexpr int kContractedBits = 21;  // the same along a contracted axis

// Every value is in -2^bits..2^bits, and in -2^bits..2^bits - 1 above 0 bits.
int bits_of(DType dtype) {
  if (dtype == DType::kBool) return 0;
  const int size = static_cast<int>(nnef::item_size(dtype)) * 8;
  const bool is_unsigned = dtype == DType::kU8 || dtype == DType::kU16 || dtype == DType::kU32 || dtype == DType::kU64;
  return is_unsigned ? size : size - 1;
}

// A value that was cast from a smaller dtype has no more bits than that.
int bits_of(Builder& b, Value x) {
  const int own = bits_of(b.dtype(x));
  if (b.dtype(x) != DType::kI64) return own;
  const nnef::Operation* maker = maker_of(b, x);
  if (maker == nullptr || maker->op != "tract_core_cast") return own;
  const Value* input = maker->find("input")->value();
  if (input == nullptr || nnef::is_float(b.dtype(*input))) return own;
  return std::min(own, bits_of(b.dtype(*input)));
}

// So many items have fewer than 2^bits.
int bits_of_count(const Dim& count, int symbolic) {
  if (!count.is_constant()) return symbolic;
  const auto items = static_cast<std::uint64_t>(std::max<std::int64_t>(count.value(), 1));
  return static_cast<int>(std::bit_width(items - 1));
}

// Pieces in f64, from the lowest: x = sum of piece[i] * 2^(width * i). The last has the sign.
std::vector<Value> pieces_of(Builder& b, Value x, int bits, int width) {
  std::vector<Value> pieces;
  const int count = (bits + 1 + width - 1) / width;
  for (int i = 0; i < count; ++i) {
    Value piece = i == 0 ? x : b.binary("tract_shr", x, b.constant(std::int64_t{width} * i, DType::kI64));
    if (i + 1 < count) {
      piece = b.binary("tract_core_bitand", piece, b.constant((std::int64_t{1} << width) - 1, DType::kI64));
    }
    pieces.push_back(b.cast(piece, DType::kF64));
  }
  return pieces;
}

// The f64 back as i64, times 2^shift, added to the total. What is shifted out is lost to PyTorch as well.
void add_shifted(Builder& b, std::optional<Value>& total, Value part, int shift) {
  part = b.cast(part, DType::kI64);
  if (shift > 0) part = b.binary("mul", part, b.constant(std::int64_t{1} << shift, DType::kI64));
  total = total ? b.binary("add", *total, part) : part;
}

bool is_small(DType dtype) { return nnef::item_size(dtype) < 4; }

}  // namespace

Value integer_sum(Builder& b, Value x, const std::vector<int>& axes, bool keepdim) {
  const DType dtype = b.dtype(x);
  const auto sum = [&](Value value) { return b.reduce("sum_reduce", value, axes, keepdim); };
  if (is_small(dtype)) return b.cast(sum(b.cast(x, DType::kI32)), dtype);
  if (dtype != DType::kI64) return sum(x);
  Dim count = 1;
  for (int axis : axes) count *= b.shape(x).at(static_cast<std::size_t>(axis));
  const int bits = bits_of(b, x), count_bits = bits_of_count(count, kSizeBits);
  if (count == Dim(1)) return keepdim ? x : b.squeeze(x, axes);
  if (bits + count_bits <= kFoldedBits) return sum(x);
  if (bits + count_bits <= kExactBits) return b.cast(sum(b.cast(x, DType::kF64)), dtype);
  std::optional<Value> total;
  const int width = kExactBits - count_bits;
  int shift = 0;
  for (Value piece : pieces_of(b, x, bits, width)) {
    add_shifted(b, total, sum(piece), shift);
    shift += width;
  }
  return *total;
}

Value integer_product(Builder& b, Value x, Value y, const Dim& count, const Product& product) {
  const int count_bits = bits_of_count(count, kContractedBits);
  const int bits_x = bits_of(b, x), bits_y = bits_of(b, y);
  std::optional<Value> total;
  if (bits_x + bits_y + count_bits <= kExactBits) {
    return b.cast(product(b.cast(x, DType::kF64), b.cast(y, DType::kF64)), DType::kI64);
  }
  const int width = std::max((kExactBits - count_bits) / 2, 1);
  const std::vector<Value> left = pieces_of(b, x, bits_x, width), right = pieces_of(b, y, bits_y, width);
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t j = 0; j < right.size(); ++j) {
      const int shift = width * static_cast<int>(i + j);
      if (shift < 64) add_shifted(b, total, product(left[i], right[j]), shift);
    }
  }
  return *total;
}

Value integer_matrix_product(Builder& b, Value x, Value y, bool transpose_y) {
  const DType dtype = b.dtype(x);
  const auto product = [&](Value left, Value right) {
    return b.add("matmul", {left, right}, {{"transposeA", false}, {"transposeB", transpose_y}});
  };
  if (dtype == DType::kI64) return integer_product(b, x, y, b.shape(x).back(), product);
  return b.cast(product(b.cast(x, DType::kI32), b.cast(y, DType::kI32)), dtype);
}

}  // namespace torch2nnef
