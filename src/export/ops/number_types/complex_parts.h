// Lowering a call of complex tensors by lowering the same call of real ones, their parts.
#pragma once

#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

enum class Part { kReal, kImaginary };

// The call with each complex tensor replaced by one of its parts: entry i of `parts` says which for the i-th complex
// tensor among the arguments (the last entry for all that follow), and complex results by real ones. With
// `drop_real_operands`, what has no imaginary part counts as 0: real tensors and numbers that are values (`self`,
// `other`, `src`, ...), not those that say where or how often (`mask`, `index`, ...). The wanted results, in order.
std::vector<Value> lower_on_parts(Call& call, const std::vector<Part>& parts, bool drop_real_operands);

// For operators that only move, add and leave out items: the real parts give the real part, the imaginary ones the
// other.
void lower_by_parts(Call& call);

// For operators that are linear in each of two operands, one or both of which are complex.
void lower_bilinear(Call& call);

// A tensor argument as parts of that dtype, whatever it is; a real one has an imaginary part of zeros.
ComplexParts complex_argument(Call& call, std::string_view name, DType dtype);

}  // namespace torch2nnef
