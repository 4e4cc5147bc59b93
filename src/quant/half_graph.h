// Computes a float graph in half precision (f16), in the operations where that is accurate.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

struct HalfGraph {
  std::vector<nnef::Value> added_for;      // of each value that was added, the one that it is for
  std::size_t in_half = 0, in_single = 0;  // operations on floats, weights alone not counted
  bool has_filters = false;                // a convolution is among those in half
};

// Types f32 values as f16 by the rules of torch.autocast: products of matrices and convolutions are computed in f16;
// sums, means, norms, softmax, exponentials, loops and whatever is not known here in f32; what moves items or works on
// each by itself in the type of its operands, the wider one of two. Weights that are read in f16 alone are stored so.
// An operation also stays in f32 where f16 cannot hold a number of it, and where `keeps_single` of a result is true.
// Inputs and outputs keep their types. Linear in the size of the graph.
HalfGraph compute_in_half(nnef::Graph& graph, const std::function<bool(nnef::Value)>& keeps_single);

}  // namespace torch2nnef
