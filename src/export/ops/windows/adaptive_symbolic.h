// Adaptive pools along an axis of symbolic length, whose ranges are computed in the graph.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// The axis of x, which may have any length, becomes `count` items: the averages, or the maxima, of its ranges.
Value symbolic_average_along(Call& call, Value x, int axis, const Dim& count);
Value symbolic_maximum_along(Call& call, Value x, int axis, const Dim& count);

}  // namespace torch2nnef
