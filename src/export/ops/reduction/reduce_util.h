// What reductions, norms and products share: the axes, the dtype of the arithmetic, sums and means.
#pragma once

#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// Half precision is summed in single precision, as torch does it (T-MEAN-F16); every other dtype in itself.
DType arithmetic_type(DType dtype);

// The axes of a reduction, none for a tensor of rank 0, and whether they stay with extent 1.
struct Reduction {
  std::vector<int> axes;
  bool keepdim = false;
};
// Reads `dim` (an axis, a list, None or empty for all of them, or no such argument) and `keepdim`.
Reduction reduction_of(const Call& call, std::string_view tensor = "self");

// How many items go into each result.
Dim items_of(const Builder& b, Value x, const std::vector<int>& axes);

// Integers are summed modulo the size of their dtype (integer_sum.h).
Value sum_over(Builder& b, Value x, const Reduction& reduction);
// The sum over `axes` divided by `items - correction`; like torch, a NaN or an infinity where nothing is left.
Value mean_of(Call& call, Value x, const Reduction& reduction, double correction = 0);

// log(sum(exp(x))) without overflow, infinities included.
Value log_sum_exp(Builder& b, Value x, const Reduction& reduction);

// sum(|x|^order)^(1/order) over the axes, with the usual meaning of 0 and of the infinities. x is floating.
Value vector_norm(Builder& b, Value x, double order, const Reduction& reduction);

// Booleans: where x is not 0.
Value is_not_zero(Builder& b, Value x);

}  // namespace torch2nnef
