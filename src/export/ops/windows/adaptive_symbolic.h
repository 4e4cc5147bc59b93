// Adaptive pools along an axis of symbolic length, whose ranges are computed in the graph.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// The axis of x, which may have any length, becomes `count` items: the averages, or the maxima, of its ranges.
Value symbolic_average_along(Call& call, Value x, int axis, const Dim& count);
Value symbolic_maximum_along(Call& call, Value x, int axis, const Dim& count);
// Where each maximum is in its plane, int64; `sizes` and `results` are the spatial ones.
Value symbolic_maximum_places(Call& call, Value x, const Shape& sizes, const Shape& results);

}  // namespace torch2nnef
