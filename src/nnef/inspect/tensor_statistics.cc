#include "nnef/inspect/tensor_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "nnef/archive/block_items.h"
#include "nnef/number_at.h"

namespace nnef {
namespace {

// The items of the dtype, in pieces.
void stream_items(const TensorData& tensor, const ByteSink& sink) {
  if (item_type_of(tensor).is_block()) return stream_unpacked(tensor, sink);
  tensor.stream(sink);
}

// Calls `visit` with each item, whose bytes may be cut anywhere by the pieces of the stream.
template <typename Visit>
void each_item(const TensorData& tensor, Visit visit) {
  const DType dtype = tensor.dtype();
  const std::size_t width = item_size(dtype);
  std::vector<std::byte> rest;
  stream_items(tensor, [&](const void* bytes, std::size_t count) {
    const auto* at = static_cast<const std::byte*>(bytes);
    const auto* const end = at + count;
    while (!rest.empty() && at != end) {
      rest.push_back(*at++);
      if (rest.size() < width) continue;
      visit(number_at<long double>(dtype, rest.data()));
      rest.clear();
    }
    for (; static_cast<std::size_t>(end - at) >= width; at += width) visit(number_at<long double>(dtype, at));
    rest.insert(rest.end(), at, end);
  });
}

std::vector<std::byte> bytes_of(const TensorData& tensor) {
  std::vector<std::byte> all;
  all.reserve(tensor.byte_size());
  stream_items(tensor, [&](const void* bytes, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(bytes);
    all.insert(all.end(), begin, begin + count);
  });
  return all;
}

}  // namespace

TensorStatistics tensor_statistics(const TensorData& tensor) {
  TensorStatistics result;
  std::uint64_t finite = 0;
  long double sum = 0;
  each_item(tensor, [&](long double item) {
    ++result.items;
    if (std::isnan(item)) {
      ++result.nans;
    } else if (std::isinf(item)) {
      ++result.infinities;
    } else {
      if (item == 0) ++result.zeros;
      result.minimum = finite == 0 ? item : std::min(result.minimum, item);
      result.maximum = finite == 0 ? item : std::max(result.maximum, item);
      sum += item;
      ++finite;
    }
  });
  if (finite > 0) result.mean = sum / static_cast<long double>(finite);
  return result;
}

TensorDifference tensor_difference(const TensorData& a, const TensorData& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) throw std::invalid_argument("the tensors are of two kinds");
  TensorDifference result;
  const std::vector<std::byte> other = bytes_of(b);
  const std::size_t width = item_size(b.dtype());
  std::uint64_t index = 0;
  each_item(a, [&](long double x) {
    const long double y = number_at<long double>(b.dtype(), &other.at(index * width));
    if (x != y && !(std::isnan(x) && std::isnan(y))) {
      if (result.items++ == 0) result.first = index;
      if (std::isfinite(x) && std::isfinite(y))
        result.max_difference = std::max(result.max_difference, std::fabs(x - y));
    }
    ++index;
  });
  return result;
}

std::string type_text(const TensorData& tensor) {
  const ItemType type = item_type_of(tensor);
  if (type.is_block()) return describe(type);
  const std::string dtype(to_string(tensor.dtype()));
  return type == ItemType::of(tensor.dtype()) ? dtype : dtype + " stored as " + describe(type);
}

}  // namespace nnef
