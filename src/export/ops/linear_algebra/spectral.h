// Matrix norms that are made of singular values.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// Over two axes of x: order 2 and -2 are the largest and the smallest singular value, "nuc" their sum. Cast to the
// dtype of x; without the two axes, or with an extent of 1 in their place.
Value singular_norm(Call& call, Value x, const std::string& order, int row_axis, int column_axis, bool keepdim);

}  // namespace torch2nnef
