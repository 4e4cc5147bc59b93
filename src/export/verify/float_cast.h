// Conversions between f16, f32 and f64, for engines that take and give f16 as f32.
#pragma once

#include <cstddef>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// The tensor with its values in another float type. Both must be f16, f32 or f64: std::invalid_argument otherwise.
nnef::TensorDataPtr cast_float(const nnef::TensorData& tensor, nnef::DType dtype);

// All bytes of a tensor.
std::vector<std::byte> bytes_of(const nnef::TensorData& tensor);

}  // namespace torch2nnef
