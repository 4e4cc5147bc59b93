// The items of tract's block-quantised tensor files: blocks of 32 consecutive items along the last axis.
//
// A Q4_0 block has 18 bytes: a scale in f16, then 32 codes of 4 bits; an item is (code - 8) * scale. In GGML order byte
// i holds the codes i (low) and i + 16; in tract's own order the codes 2i (low) and 2i + 1. A Q8_1 block has 36 bytes:
// a scale and a sum in f16, then 32 i8; an item is code * scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nnef/archive/item_type.h"
#include "nnef/graph.h"

namespace nnef {

inline constexpr std::size_t kBlockItems = 32;

// What tract reads under the code that it prefers: Q4_0 in GGML order.
ItemType q4_0_type();
// Bytes of one block. The type must be a block's.
std::size_t block_bytes(const ItemType& type);
// `items` gets 32 * `blocks` items.
void unpack_blocks(const ItemType& type, const std::byte* packed, std::size_t blocks, float* items);
// The items of a tensor of blocks as f32, row-major, in pieces. Throws std::invalid_argument for any other tensor.
void stream_unpacked(const TensorData& tensor, const ByteSink& sink);

}  // namespace nnef
