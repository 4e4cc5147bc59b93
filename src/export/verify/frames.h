// Parts of a sequence: frames along an axis of a tensor.
#pragma once

#include <cstdint>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// The frames begin .. end - 1 along an axis, which the tensor must have.
nnef::TensorDataPtr frames_of(const nnef::TensorData& tensor, std::int64_t axis, std::int64_t begin, std::int64_t end);
// Parts of one shape, one after the other along an axis. There is one at least.
nnef::TensorDataPtr joined_frames(const std::vector<nnef::TensorDataPtr>& parts, std::int64_t axis);

}  // namespace torch2nnef
