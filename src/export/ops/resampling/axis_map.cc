#include "export/ops/resampling/axis_map.h"

#include <cstring>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Items of the largest matrix that is written: up to here the engine multiplies faster than it gathers.
constexpr std::size_t kLargestMatrix = std::size_t{1} << 20;

template <class T>
nnef::TensorDataPtr tensor_of(DType dtype, std::vector<std::int64_t> shape, const std::vector<T>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(T));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

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
  std::vector<std::int64_t> shape{map.inputs, static_cast<std::int64_t>(outputs)};
  if (transposed) std::swap(shape[0], shape[1]);
  return tensor_of(dtype, std::move(shape), items);
}

nnef::TensorDataPtr matrix_of(DType dtype, const AxisMap& map, bool transposed) {
  return dtype == DType::kF64 ? dense<double>(dtype, map, transposed) : dense<float>(dtype, map, transposed);
}

// The weights of one tap, shaped to go along the axis.
nnef::TensorDataPtr tap_weights(DType dtype, const AxisMap& map, std::size_t tap, int rank, int axis) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
  shape[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(map.outputs.size());
  std::vector<double> weights;
  for (const Taps& taps : map.outputs) weights.push_back(taps[tap].second);
  if (dtype == DType::kF64) return tensor_of(dtype, std::move(shape), weights);
  return tensor_of(dtype, std::move(shape), std::vector<float>(weights.begin(), weights.end()));
}

Value sum_of_gathers(Call& call, Value x, int axis, std::string_view hint, const AxisMap& map) {
  Builder& b = call.builder();
  Value sum;
  for (std::size_t tap = 0; tap < map.outputs.front().size(); ++tap) {
    std::vector<std::int64_t> places;
    for (const Taps& taps : map.outputs) places.push_back(taps[tap].first);
    Value weights = call.variable(hint, tap_weights(b.dtype(x), map, tap, b.rank(x), axis));
    Value part = b.binary("mul", read_along(call, x, axis, "places", places), weights);
    sum = tap == 0 ? part : b.binary("add", sum, part);
  }
  return sum;
}

bool has_equally_many_taps(const AxisMap& map) {
  for (const Taps& taps : map.outputs) {
    if (taps.size() != map.outputs.front().size()) return false;
  }
  return true;
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
  const std::size_t items = static_cast<std::size_t>(map.inputs) * map.outputs.size();
  if (items > kLargestMatrix && has_equally_many_taps(map)) return sum_of_gathers(call, x, axis, hint, map);
  if (axis == rank - 2) {
    Value left = b.align_rank(call.variable(hint, matrix_of(b.dtype(x), map, true)), rank);
    return b.add("matmul", {left, x});
  }
  return product_along(call, x, axis, call.variable(hint, matrix_of(b.dtype(x), map, false)));
}

Value product_along(Call& call, Value x, int axis, Value matrix) {
  Builder& b = call.builder();
  const int rank = b.rank(x);
  const std::vector<int> to_end = moved_axis(rank, axis, rank - 1);
  Value y = b.add("matmul", {b.transpose(x, to_end), b.align_rank(matrix, rank)});
  return b.transpose(y, inverse_permutation(to_end));
}

}  // namespace torch2nnef
