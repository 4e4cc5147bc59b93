// What a symbol must be for an expression to have a size.
#pragma once

#include <cstdint>

#include "nnef/dim/dim.h"

namespace nnef {

// Adds the one symbol of a linear expression that `sizes` lacks, such that it comes to `wanted`. False, and nothing is
// added, where it lacks none or several, or where no integer does.
bool solve(const Dim& dim, std::int64_t wanted, Bindings& sizes);

}  // namespace nnef
