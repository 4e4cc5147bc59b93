// Linear systems of a small, static size, solved by steps that are written out one by one.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// Rows or columns [begin, end) of the matrices that a tensor ends with, and the matrices transposed.
Value matrix_rows(Builder& b, Value x, std::int64_t begin, std::int64_t end);
Value matrix_columns(Builder& b, Value x, std::int64_t begin, std::int64_t end);
Value matrix_transposed(Builder& b, Value x);

// The last two sizes. Unsupported when one is dynamic, 0, or so large that the steps written out would be a graph of
// their own.
struct MatrixSize {
  std::int64_t rows, columns;
};
MatrixSize matrix_size(const Builder& b, Value matrix);

// The size of the square matrices that a tensor ends with. Unsupported as matrix_size.
std::int64_t system_size(const Builder& b, Value matrix);

// [n, n] with ones on the diagonal.
Value identity_matrix(Call& call, std::int64_t size, DType dtype);

// Gauss-Jordan elimination with partial pivoting, as LAPACK picks its pivots.
struct Eliminated {
  std::vector<Value> pivots;  // [.., 1, 1] each
  Value sign;                 // [.., 1, 1]: -1 for an odd number of swapped rows
  Value solution;             // matrix^-1 * right; not set without a right side
};
// matrix [.., n, n], right [.., n, m] with the same leading axes.
Eliminated eliminate(Call& call, Value matrix, std::optional<Value> right);

// The solution of a triangular system, row after row.
Value solve_triangular(Call& call, Value matrix, Value right, bool is_upper, bool is_unit);

// The lower triangle L of L * L^T = matrix, of which only the lower half is read.
Value cholesky(Call& call, Value matrix);

// Both broadcast to the same leading axes.
void align_leading(Builder& b, Value& matrix, Value& right);

// LAPACK's `info`: the number, from 1, of the first pivot ([.., 1, 1] each) that is 0, else 0; of result `index`.
Value first_zero(Call& call, const std::vector<Value>& pivots, std::size_t index);

}  // namespace torch2nnef
