// One item of a tensor as a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "nnef/dtype.h"
#include "nnef/half.h"

namespace nnef {

template <class Item>
Item item_at(const std::byte* place) {
  Item item;
  std::memcpy(&item, place, sizeof item);
  return item;
}

// Number: double, or long double for one that holds every 64-bit integer.
template <class Number>
Number number_at(DType dtype, const std::byte* place) {
  switch (dtype) {
    case DType::kBool:
      return item_at<std::uint8_t>(place) != 0 ? 1 : 0;
    case DType::kU8:
      return item_at<std::uint8_t>(place);
    case DType::kU16:
      return item_at<std::uint16_t>(place);
    case DType::kU32:
      return item_at<std::uint32_t>(place);
    case DType::kU64:
      return static_cast<Number>(item_at<std::uint64_t>(place));
    case DType::kI8:
      return item_at<std::int8_t>(place);
    case DType::kI16:
      return item_at<std::int16_t>(place);
    case DType::kI32:
      return item_at<std::int32_t>(place);
    case DType::kI64:
      return static_cast<Number>(item_at<std::int64_t>(place));
    case DType::kF16:
      return static_cast<Number>(half_value(item_at<std::uint16_t>(place)));
    case DType::kF32:
      return static_cast<Number>(item_at<float>(place));
    case DType::kF64:
      break;
  }
  return static_cast<Number>(item_at<double>(place));
}

}  // namespace nnef
