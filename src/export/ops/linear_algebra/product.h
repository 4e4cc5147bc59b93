// Matrix products with torch's ranks, broadcasts and dtypes.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// The last two axes multiplied, those before them broadcast; both of rank 2 or more and of one dtype, which the result
// has. Half precision is accumulated in single precision, as torch does it. The engine has no product of integers
// (T-MATMUL-I64, T-MATMUL-U8): they go through double precision, which is exact below 2^53.
Value matrix_product(Builder& b, Value x, Value y, bool transpose_y = false);

// torch.matmul: a vector is a row on the left and a column on the right, without an axis of its own in the result.
Value matmul(Builder& b, Value x, Value y);

// x * weight^T + bias, x of any rank, the weight [out, in] or [in].
Value linear(Builder& b, Value x, Value weight, std::optional<Value> bias);

// The letters of an einsum are numbers here, one for each axis of each operand.
using Letters = std::vector<int>;
// Sums over the letters that `result` lacks, in the order of `result`. Every operand's letters are distinct.
Value contract(Builder& b, std::vector<Value> operands, std::vector<Letters> letters, const Letters& result);

}  // namespace torch2nnef
