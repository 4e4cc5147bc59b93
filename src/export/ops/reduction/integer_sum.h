// Sums and matrix products of integers, right for all values of their dtype.
//
// tract adds integers in 32 bits (T-SUM-I64), lets sums of 8 and 16 bits stop at their largest number, and
// has no product of matrices in 64 bits. PyTorch adds and multiplies modulo the size of the dtype. Values of 64 bits
// are therefore cut into pieces of so few bits that f64 holds every sum of pieces exactly; the sums are shifted back
// and added. Where the dtype that a value was cast from, or the number of items, leaves enough room, one sum does.
#pragma once

#include <functional>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// The sum over axes, in the dtype of x.
Value integer_sum(Builder& b, Value x, const std::vector<int>& axes, bool keepdim);

// Any product that is linear in x and y, such as a convolution, and adds up `count` products of items: `product` is
// given pieces of both in f64. x, y and the result are i64.
using Product = std::function<Value(Value x, Value y)>;
Value integer_product(Builder& b, Value x, Value y, const Dim& count, const Product& product);

// x * y, or x * transpose(y), over the last two axes; ranks are equal. In the dtype of both. Products along an axis of
// symbolic length are exact up to 2^21 items.
Value integer_matrix_product(Builder& b, Value x, Value y, bool transpose_y);

}  // namespace torch2nnef
