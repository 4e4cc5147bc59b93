// The check sum against zlib's, at all lengths around what is taken at once, and in parts.
#include "nnef/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

namespace nnef {
namespace {

std::vector<unsigned char> noise(std::size_t count) {
  std::vector<unsigned char> bytes(count);
  std::uint64_t seed = 1;
  for (unsigned char& byte : bytes) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<unsigned char>(seed >> 56);
  }
  return bytes;
}

TEST(Crc32, IsZlibsAtEveryLengthAndAlignment) {
  const std::vector<unsigned char> bytes = noise(600);
  for (std::size_t skip = 0; skip < 17; ++skip) {
    for (std::size_t count = 0; skip + count <= bytes.size(); ++count) {
      ASSERT_EQ(crc32_sum(0, bytes.data() + skip, count), crc32_z(0, bytes.data() + skip, count))
          << skip << " " << count;
    }
  }
}

TEST(Crc32, GoesOnFromASum) {
  const std::vector<unsigned char> bytes = noise(100000);
  const auto whole = static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
  for (const std::size_t part : {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{65535}, bytes.size()}) {
    const std::uint32_t sum = crc32_sum(0, bytes.data(), part);
    EXPECT_EQ(crc32_sum(sum, bytes.data() + part, bytes.size() - part), whole) << part;
  }
}

}  // namespace
}  // namespace nnef
