// Quantised tensors in the way of the standard (NNEF 1.0.5 sections 4.8 and 5.3): operations compute on numbers, and
// graph.quant tells of each quantised tensor how its numbers are rounded. Items of variables are kept as integers.
#pragma once

#include <memory>
#include <vector>

#include "nnef/archive/item_type.h"
#include "nnef/graph.h"
#include "quant/affine.h"

namespace torch2nnef {

// zero_point_linear_quantize for a tensor with these items. Parameters of an axis are an array that is aligned at the
// first axis, as the standard broadcasts.
nnef::QuantEntry quant_entry(const AffineParameters& parameters, ItemRange items);

// Items of 8 or 32 bits, written as quantised integers, which a variable<scalar> may have.
nnef::TensorDataPtr quantised_items(nnef::TensorDataPtr items);

}  // namespace torch2nnef
