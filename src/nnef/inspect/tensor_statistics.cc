#include "nnef/inspect/tensor_statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "nnef/archive/block_items.h"
#include "nnef/half.h"

namespace nnef {
namespace {

template <typename Item>
Item load(const std::byte* at) {
  Item item;
  std::memcpy(&item, at, sizeof item);
  return item;
}

long double number(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kBool:
      return load<std::uint8_t>(at) != 0 ? 1 : 0;
    case DType::kU8:
      return load<std::uint8_t>(at);
    case DType::kU16:
      return load<std::uint16_t>(at);
    case DType::kU32:
      return load<std::uint32_t>(at);
    case DType::kU64:
      return static_cast<long double>(load<std::uint64_t>(at));
    case DType::kI8:
      return load<std::int8_t>(at);
    case DType::kI16:
      return load<std::int16_t>(at);
    case DType::kI32:
      return load<std::int32_t>(at);
    case DType::kI64:
      return static_cast<long double>(load<std::int64_t>(at));
    case DType::kF16:
      return static_cast<long double>(half_value(load<std::uint16_t>(at)));
    case DType::kF32:
      return static_cast<long double>(load<float>(at));
    case DType::kF64:
      break;
  }
  return static_cast<long double>(load<double>(at));
}

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
      visit(number(dtype, rest.data()));
      rest.clear();
    }
    for (; static_cast<std::size_t>(end - at) >= width; at += width) visit(number(dtype, at));
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
    const long double y = number(b.dtype(), &other.at(index * width));
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
