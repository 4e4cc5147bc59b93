#include "nnef/archive/block_items.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "nnef/half.h"

namespace nnef {
namespace {

constexpr std::uint16_t kQ40Tract = 0x2040, kQ40Preferred = 0x3040;
constexpr std::size_t kBlocksAtOnce = 2048;

float scale_at(const std::byte* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return half_value(bits);
}

void unpack_four_bits(bool is_ggml_order, const std::byte* block, float* items) {
  const float scale = scale_at(block);
  for (std::size_t i = 0; i < kBlockItems / 2; ++i) {
    const auto codes = std::to_integer<int>(block[2 + i]);
    items[is_ggml_order ? i : 2 * i] = static_cast<float>((codes & 15) - 8) * scale;
    items[is_ggml_order ? i + kBlockItems / 2 : 2 * i + 1] = static_cast<float>((codes >> 4) - 8) * scale;
  }
}

void unpack_eight_bits(const std::byte* block, float* items) {
  const float scale = scale_at(block);
  for (std::size_t i = 0; i < kBlockItems; ++i) {
    items[i] = static_cast<float>(std::to_integer<std::int8_t>(block[4 + i])) * scale;
  }
}

}  // namespace

ItemType q4_0_type() { return {kQ40Preferred, kTractVendor, 0xffffffff}; }

std::size_t block_bytes(const ItemType& type) { return stored_size(type, kBlockItems); }

void unpack_blocks(const ItemType& type, const std::byte* packed, std::size_t blocks, float* items) {
  const std::size_t width = block_bytes(type);
  for (std::size_t block = 0; block < blocks; ++block, packed += width, items += kBlockItems) {
    if (type.code == kQ40Tract || type.code == kQ40Preferred) {
      unpack_four_bits(type.code == kQ40Preferred, packed, items);
    } else {
      unpack_eight_bits(packed, items);
    }
  }
}

void stream_unpacked(const TensorData& tensor, const ByteSink& sink) {
  const ItemType type = item_type_of(tensor);
  if (!type.is_block()) throw std::invalid_argument("the tensor does not hold blocks");
  const std::size_t width = block_bytes(type);
  std::vector<std::byte> rest;  // of a block that the pieces of the stream cut
  std::vector<float> items(kBlocksAtOnce * kBlockItems);
  const auto pass = [&](const std::byte* packed, std::size_t blocks) {
    unpack_blocks(type, packed, blocks, items.data());
    sink(items.data(), blocks * kBlockItems * sizeof(float));
  };
  tensor.stream([&](const void* bytes, std::size_t count) {
    const auto* at = static_cast<const std::byte*>(bytes);
    const std::byte* const end = at + count;
    while (!rest.empty() && at != end) {
      rest.push_back(*at++);
      if (rest.size() < width) continue;
      pass(rest.data(), 1);
      rest.clear();
    }
    while (static_cast<std::size_t>(end - at) >= width) {
      const std::size_t blocks = std::min(static_cast<std::size_t>(end - at) / width, kBlocksAtOnce);
      pass(at, blocks);
      at += blocks * width;
    }
    rest.assign(at, end);
  });
}

}  // namespace nnef
