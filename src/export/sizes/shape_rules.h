// Explains the sizes of a result by the symbols: which expression has the size that was seen in every world.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "export/sizes/pieces.h"
#include "export/tape/tape.h"

namespace torch2nnef {

struct ExplainedShape {
  nnef::Shape shape;                 // one expression per axis, true in all worlds
  std::vector<std::size_t> guessed;  // axes of which no rule of the operator says so
};

// The shape of the result at `place` of a call. `sizes[w]` is its shape in world w; all have the same rank. What a
// lowering infers by itself is compared with it later, at many more sizes. Throws Unsupported when an axis has sizes
// that nothing explains.
ExplainedShape explain_shape(const Tape& tape, const std::string& op,
                             const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                             const std::vector<std::vector<std::int64_t>>& sizes, ResultPlace place);

}  // namespace torch2nnef
