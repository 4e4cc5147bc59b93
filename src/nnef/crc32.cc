// Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009): four lanes of
// 16 bytes are folded over the bytes that follow, then over each other, and what is left is reduced modulo the
// polynomial. All in bit-reflected form; the constants are those of the paper for gzip's polynomial.
#include "nnef/crc32.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nnef {
namespace {

#if defined(__x86_64__)
constexpr std::size_t kLane = 16, kLanes = 4;

#define NNEF_CARRYLESS __attribute__((target("pclmul,sse4.1")))

NNEF_CARRYLESS __m128i load(const unsigned char* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

NNEF_CARRYLESS __m128i folded(__m128i lane, __m128i by, __m128i onto) {
  const __m128i low = _mm_clmulepi64_si128(lane, by, 0x00), high = _mm_clmulepi64_si128(lane, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

// 128 bits to 64, to 32: by Barrett's reduction.
NNEF_CARRYLESS std::uint32_t reduced(__m128i lane, __m128i by_16_bytes) {
  const __m128i words = _mm_setr_epi32(-1, 0, -1, 0);
  lane = _mm_xor_si128(_mm_srli_si128(lane, 8), _mm_clmulepi64_si128(lane, by_16_bytes, 0x10));
  const __m128i by_8_bytes = _mm_set_epi64x(0, 0x163cd6124);
  lane = _mm_xor_si128(_mm_srli_si128(lane, 4), _mm_clmulepi64_si128(_mm_and_si128(lane, words), by_8_bytes, 0x00));
  const __m128i polynomial = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(lane, words), polynomial, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, words), polynomial, 0x00);
  return static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(lane, quotient), 1));
}

// `count` is a multiple of 16, and at least 64.
NNEF_CARRYLESS std::uint32_t carryless_sum(std::uint32_t sum, const unsigned char* bytes, std::size_t count) {
  const __m128i by_64_bytes = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
  const __m128i by_16_bytes = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  __m128i lanes[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = load(bytes + i * kLane);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(~sum)));
  const unsigned char* const end = bytes + count;
  for (bytes += kLanes * kLane; end - bytes >= static_cast<std::ptrdiff_t>(kLanes * kLane); bytes += kLanes * kLane) {
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = folded(lanes[i], by_64_bytes, load(bytes + i * kLane));
  }
  for (std::size_t i = 1; i < kLanes; ++i) lanes[0] = folded(lanes[0], by_16_bytes, lanes[i]);
  for (; bytes < end; bytes += kLane) lanes[0] = folded(lanes[0], by_16_bytes, load(bytes));
  return ~reduced(lanes[0], by_16_bytes);
}
#endif

}  // namespace

std::uint32_t crc32_sum(std::uint32_t sum, const void* bytes, std::size_t count) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
#if defined(__x86_64__)
  static const bool kCarryless = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  if (const std::size_t whole = count / kLane * kLane; kCarryless && whole >= kLanes * kLane) {
    sum = carryless_sum(sum, begin, whole);
    begin += whole;
    count -= whole;
  }
#endif
  return static_cast<std::uint32_t>(crc32_z(sum, begin, count));
}

}  // namespace nnef
