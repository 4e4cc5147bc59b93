// Reshapes that name only the axes that they change.
#pragma once

#include <cstddef>

#include "nnef/graph.h"

namespace nnef {

// A reshape that leaves symbolic axes at its beginning or end as they are says so by `axis_start` and `axis_count`
// instead of repeating their sizes. An extent that the engine would write in another form than the graph does (a
// product of floored halves) becomes -1. Both because an engine compares what it is told with sizes that it worked out
// itself, and two forms of one size are different to it. Results stay the same.
void narrow_reshapes(Graph& graph);

// The axes of `from` that become those of `to`: what lies before and after is equal. At least one on each side, where
// there is one.
struct ChangedAxes {
  std::ptrdiff_t begin = 0, end_of_from = 0, end_of_to = 0;
};

ChangedAxes changed_axes(const Shape& from, const Shape& to);

}  // namespace nnef
