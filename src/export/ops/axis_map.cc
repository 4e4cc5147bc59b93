#include "export/ops/axis_map.h"

#include <cstring>

#include "export/ops/shape_util.h"

namespace torch2nnef {
namespace {

template <class T>
nnef::TensorDataPtr dense(DType dtype, const AxisMap& map, bool transposed) {
  const std::size_t inputs = static_cast<std::size_t>(map.inputs), outputs = map.outputs.size();
  std::vector<T> items(inputs * outputs);
  for (std::size_t output = 0; output < outputs; ++output) {
    for (const auto& [input, weight] : map.outputs[output]) {
      const std::size_t place = static_cast<std::size_t>(input);
      items[transposed ? output * inputs + place : place * outputs + output] += static_cast<T>(weight);
    }
  }
  std::vector<std::byte> bytes(items.size() * sizeof(T));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  std::vector<std::int64_t> shape{map.inputs, static_cast<std::int64_t>(outputs)};
  if (transposed) std::swap(shape[0], shape[1]);
  return std::make_shared<nnef::OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

nnef::TensorDataPtr matrix(DType dtype, const AxisMap& map, bool transposed) {
  return dtype == DType::kF64 ? dense<double>(dtype, map, transposed) : dense<float>(dtype, map, transposed);
}

}  // namespace

Value read_along(Call& call, Value x, int axis, std::string_view hint, const std::vector<std::int64_t>& places) {
  Value indices = index_variable(call, hint, places, {static_cast<std::int64_t>(places.size())});
  return call.builder().add("tract_core_gather", {x, indices}, {{"axis", axis}});
}

// Multiplied from the left along the last but one axis, else from the right, with the axis moved to the end.
Value map_along(Call& call, Value x, int axis, std::string_view hint, const AxisMap& map) {
  Builder& b = call.builder();
  const int rank = b.rank(x);
  if (axis == rank - 2) {
    Value left = b.align_rank(call.variable(hint, matrix(b.dtype(x), map, true)), rank);
    return b.add("matmul", {left, x});
  }
  const std::vector<int> to_end = moved_axis(rank, axis, rank - 1);
  Value right = b.align_rank(call.variable(hint, matrix(b.dtype(x), map, false)), std::max(rank, 2));
  Value y = b.add("matmul", {b.transpose(x, to_end), right});
  return b.transpose(y, inverse_permutation(to_end));
}

}  // namespace torch2nnef
