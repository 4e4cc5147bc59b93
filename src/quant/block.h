// Packs floats into blocks of 4-bit codes (Q4_0, in GGML order; nnef/archive/block_items.h has the layout).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// Whether a tensor of that shape can be kept in blocks: rank 2 or more, whole blocks in each place of the first axis.
bool fits_blocks(const std::vector<std::int64_t>& shape);

// The scale that makes the item of largest magnitude a code of 0 (-8 times the scale), rounded to f16.
float block_scale(const float* items);
// The scale under which the sum of the squared errors of the codes, each times the importance of its item, is smallest
// among 20 near block_scale(), each refitted to its codes; block_scale() itself where none is better. `importance` has
// 32 numbers.
float searched_scale(const float* items, const float* importance);
// The code, 0 to 15, that pack_block() makes of an item under a scale; it means (code - 8) * scale.
int block_code(float item, float scale);
// 32 items as codes under a scale that f16 holds exactly: 18 bytes.
void pack_block(const float* items, float scale, std::byte* block);

// A tensor of f32 in blocks. Throws std::range_error where an item is not finite or a scale is beyond f16, and
// std::invalid_argument for another dtype or a shape that does not fit.
nnef::TensorDataPtr packed_q4_0(const nnef::TensorData& tensor);

}  // namespace torch2nnef
