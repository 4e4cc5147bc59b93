// How far the places reach that a tensor of a graph names.
#pragma once

#include <optional>

#include "nnef/makers.h"

namespace nnef {

// No item of the tensor is larger, and one item is as large; as far as constants and ranges tell.
std::optional<Dim> largest_index(const Graph& graph, const Makers& makers, Value indices);

}  // namespace nnef
