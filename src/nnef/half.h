// Half precision (IEEE binary16) as bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace nnef {

// The nearest f16, ties to even; an infinity where the magnitude is 65520 or more.
inline std::uint16_t half_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {  // below the smallest normal f16: the addition rounds to units of 2^-24
    const float units = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(units) - 0x3f000000));
  }
  const std::uint32_t is_odd = magnitude >> 13 & 1;
  return static_cast<std::uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + is_odd) >> 13);
}

// Rounded once: what a float does not hold of the number is kept as its last bit.
inline std::uint16_t half_bits(double value) {
  const auto nearest = static_cast<float>(value);
  if (nearest == value) return half_bits(nearest);
  const std::uint32_t is_beyond = std::fabs(nearest) > std::fabs(value) ? 1 : 0;
  return half_bits(std::bit_cast<float>((std::bit_cast<std::uint32_t>(nearest) - is_beyond) | 1));
}

inline float half_value(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16, magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | magnitude << 13);
  if (magnitude >= 0x0400) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000));
  const float units = static_cast<float>(magnitude) * 0x1p-24F;
  return (bits & 0x8000U) != 0 ? -units : units;
}

}  // namespace nnef
