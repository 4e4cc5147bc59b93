// How far the items of two tensors are apart.
#pragma once

#include <optional>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// The items of a tensor of floats, widened.
std::vector<double> doubles_of(const nnef::TensorData& tensor);

struct Distance {
  double largest = 0;
  double squares = 0;  // the sum of the squared differences
};
// Of as many items each. NaN and NaN are equal, so are equal infinities; nullopt where only one of two is finite.
std::optional<Distance> distance(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace torch2nnef
