// Attention out of products and a softmax, for the lowerings that contain one.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// What a query may look at.
struct AttentionMask {
  std::optional<Value> keep;   // bool: false hides a key
  std::optional<Value> added;  // floating: added to the scores, -inf hides a key
  // A query that may look at nothing gets a result of zeros instead of NaN.
  bool zero_hidden_rows = false;
};

// softmax(q k^T * scale) over the keys: q [.., L, E], k [.., S, E], result [.., L, S]; one floating dtype, which is not
// half. Without a scale, 1 / sqrt(E). Where a query may look at nothing its weights are NaN.
Value attention_weights(Call& call, Value q, Value k, std::optional<double> scale, const AttentionMask& mask);

// The lower triangle of [queries, keys]: query i may look at the keys up to i.
Value causal_mask(Call& call, const Dim& queries, const Dim& keys);

// Self-attention with packed projections, as the fused operators of torch have it.
struct SelfAttention {
  Value y;        // [B, L, D]
  Value weights;  // [B, heads, L, L]
};
// Reads qkv_weight, qkv_bias, proj_weight, proj_bias, mask and mask_type of the call. x is [B, L, D].
SelfAttention self_attention(Call& call, Value x, std::int64_t heads);

}  // namespace torch2nnef
