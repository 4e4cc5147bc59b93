// The check sum of gzip. Internal to the gzip reader and writer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnef {

// The sum of what had the sum `sum` (0 for nothing) with `count` more bytes: what zlib's crc32() gives, at several
// times its speed where the processor multiplies without carries. At level 0 the sum is the larger part of the work.
std::uint32_t crc32_sum(std::uint32_t sum, const void* bytes, std::size_t count);

}  // namespace nnef
