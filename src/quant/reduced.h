// Weights in fewer bytes than f32, and the f32 that they mean.
#pragma once

#include <cstdint>

#include "nnef/graph.h"
#include "quant/weight_form.h"

namespace torch2nnef {

// The items of a tensor of f32 in another form. In f16 nothing is copied: items are rounded (to nearest, ties to even)
// whenever the tensor is read. Throws std::range_error where an item does not fit the form, which is f16 or q4_0.
nnef::TensorDataPtr reduced(const nnef::TensorDataPtr& tensor, WeightForm form);

// A tensor of f32 in f16, whose items need not be finite; those beyond 65520 become infinite.
nnef::TensorDataPtr half_of(const nnef::TensorDataPtr& tensor);

// The f32 that a tensor of f16 or of blocks means, converted whenever it is read: nothing is copied.
nnef::TensorDataPtr restored(const nnef::TensorDataPtr& tensor);

// What storing a tensor in another form costs.
struct ReductionError {
  double mean_squared = 0, largest = 0;  // of the difference
  double root_mean_square = 0;           // of the original items
};
ReductionError reduction_error(const nnef::TensorData& original, const nnef::TensorData& reduced);

}  // namespace torch2nnef
