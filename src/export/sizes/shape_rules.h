// Explains the sizes of a result by the symbols: which expression has the size that was seen in every world.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// One expression per axis of a result, true in all worlds. `sizes[w]` is the result's shape in world w; all have the
// same rank. What a lowering infers by itself is compared with it later, at many more sizes. Throws Unsupported when an
// axis has sizes that nothing explains.
nnef::Shape explain_shape(const Tape& tape, const std::string& op,
                          const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                          const std::vector<std::vector<std::int64_t>>& sizes);

}  // namespace torch2nnef
