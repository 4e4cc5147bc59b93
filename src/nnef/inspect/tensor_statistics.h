// What the items of tensors are, in numbers: of one tensor, and of the difference between two.
#pragma once

#include <cstdint>
#include <string>

#include "nnef/graph.h"

namespace nnef {

struct TensorStatistics {
  std::uint64_t items = 0;
  std::uint64_t zeros = 0, infinities = 0, nans = 0;
  // Of the finite items; all 0 when there are none. Exact for integers, logicals count as 0 and 1.
  long double minimum = 0, maximum = 0, mean = 0;
};
// One pass over the stream; blocks count as the f32 that they mean.
TensorStatistics tensor_statistics(const TensorData& tensor);

struct TensorDifference {
  std::uint64_t items = 0;         // that differ; NaN equals NaN
  std::uint64_t first = 0;         // of them, row-major
  long double max_difference = 0;  // absolute, of the finite ones
};
// Both of one dtype and shape; throws std::invalid_argument otherwise.
TensorDifference tensor_difference(const TensorData& a, const TensorData& b);

// "f32", "i8 stored as 4-bit signed integers".
std::string type_text(const TensorData& tensor);

}  // namespace nnef
