#include "export/verify/float_cast.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

namespace torch2nnef {

using nnef::DType;

namespace {

constexpr std::uint16_t kHalfInfinity = 0x7c00;

template <class T>
T read_as(const std::byte* place) {
  T item;
  std::memcpy(&item, place, sizeof item);
  return item;
}

template <class T>
void write_as(std::byte* place, T item) {
  std::memcpy(place, &item, sizeof item);
}

double read_float(DType dtype, const std::byte* place) {
  switch (dtype) {
    case DType::kF16:
      return half_to_float(read_as<std::uint16_t>(place));
    case DType::kF32:
      return read_as<float>(place);
    default:
      return read_as<double>(place);
  }
}

void write_float(DType dtype, std::byte* place, double number) {
  switch (dtype) {
    case DType::kF16:
      return write_as(place, float_to_half(number));
    case DType::kF32:
      return write_as(place, static_cast<float>(number));
    default:
      return write_as(place, number);
  }
}

}  // namespace

float half_to_float(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  float magnitude = 0;
  if (exponent == 31) {
    magnitude = fraction ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

std::uint16_t float_to_half(double number) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(number) ? 0x8000 : 0);
  const double magnitude = std::fabs(number);
  if (std::isnan(number)) return static_cast<std::uint16_t>(sign | kHalfInfinity | 0x200);
  if (magnitude >= 65520) return static_cast<std::uint16_t>(sign | kHalfInfinity);  // half way above the largest
  int bits = 0;
  if (magnitude < 0x1p-14) {
    bits = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 24)));  // 1024 is the smallest normal number
  } else {
    const int exponent = std::ilogb(magnitude);
    const int scaled = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    bits = ((exponent + 15) << 10) + (scaled - 1024);  // a carry goes to the exponent
  }
  return static_cast<std::uint16_t>(sign | bits);
}

std::vector<std::byte> bytes_of(const nnef::TensorData& tensor) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor.byte_size());
  tensor.stream([&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

nnef::TensorDataPtr cast_float(const nnef::TensorData& tensor, DType dtype) {
  for (DType used : {tensor.dtype(), dtype}) {
    if (!nnef::is_float(used)) {
      throw std::invalid_argument("a tensor of " + std::string(nnef::to_string(used)) + " cannot be cast as a float");
    }
  }
  const std::vector<std::byte> from = bytes_of(tensor);
  const std::size_t step = nnef::item_size(tensor.dtype());
  std::vector<std::byte> to(from.size() / step * nnef::item_size(dtype));
  std::byte* place = to.data();
  for (std::size_t at = 0; at < from.size(); at += step, place += nnef::item_size(dtype)) {
    write_float(dtype, place, read_float(tensor.dtype(), from.data() + at));
  }
  return std::make_shared<nnef::OwnedTensor>(dtype, tensor.shape(), std::move(to));
}

}  // namespace torch2nnef
