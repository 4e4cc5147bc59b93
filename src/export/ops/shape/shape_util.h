// What the lowerings of shapes, indices and orders share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// A negative axis counts from the end; rank 0 counts as rank 1. Throws Unsupported when out of range.
int wrap_axis(std::int64_t axis, int rank);

// The permutation that moves axis `from` to place `to` and keeps the order of the others.
std::vector<int> moved_axis(int rank, int from, int to);
std::vector<int> inverse_permutation(const std::vector<int>& permutation);

// True when one dimension is the constant 0: such a tensor holds no items.
bool is_empty(const Shape& shape);

// A rank-0 constant of any dtype, bool included.
Value constant_of(Call& call, double number, DType dtype);
// A Scalar argument as a rank-0 value of `dtype`, truncated or compared with 0 as torch casts numbers.
Value scalar_value(Call& call, std::string_view name, DType dtype);
// One number everywhere.
Value filled(Call& call, Value number, const Shape& shape);
Value zeros(Call& call, DType dtype, const Shape& shape);

// Reshape that also serves tensors without items, whose dimensions a reshape of the format would misread.
Value reshape_to(Call& call, Value x, const Shape& shape);

// A constant int64 tensor.
Value index_variable(Call& call, std::string_view hint, const std::vector<std::int64_t>& values,
                     const std::vector<std::int64_t>& shape);

// int64 [count]: start, start + step, start + 2 * step, ...
Value affine_range(Call& call, const Dim& count, const Dim& step = 1, const Dim& start = 0);

// Indices as int64 with negative ones counted from the end.
Value non_negative_indices(Call& call, Value indices, const Dim& size);

// x with the rows at `indices` ([M], int64, not negative) along `axis` replaced by those of `updates`, or combined with
// them by `reduction` (add, mul, max, min); `updates` has the shape of x with M along `axis`.
Value scatter_rows(Call& call, Value x, int axis, Value indices, Value updates, std::string_view reduction = "none");

// x with [begin, begin + length of part) along `axis` replaced by `part`.
Value replace_range(Call& call, Value x, int axis, const Dim& begin, Value part);

// x in reverse order along `axis`.
Value reversed(Call& call, Value x, int axis);

// Whether an expression is never negative, or always, at all recorded sizes.
enum class Sign { kNotNegative, kNegative, kBoth };
Sign sign_of(const Call& call, const Dim& dim);

// A position from the start of an axis, from one that may count from its end.
Dim wrap_position(const Call& call, const Dim& position, const Dim& size);

}  // namespace torch2nnef
