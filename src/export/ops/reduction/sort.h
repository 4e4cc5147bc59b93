// Orders along an axis.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

struct Sorted {
  Value values, indices;  // of the shape of what was sorted; the indices are i64
};

// All items in order, along an axis of any length.
Sorted sort_all(Call& call, Value x, int axis, bool is_descending);

}  // namespace torch2nnef
