// The operators into which torch fuses its attention and encoder modules in eval mode, taken apart again.

#include <cmath>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/networks/attention.h"
#include "export/ops/networks/norm_steps.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// In these operators a mask says what is hidden; one of numbers hides where it is not 0. Type 0 is [L, L], type 1 hides
// keys as [B, L], type 2 is [B, heads, L, L].
AttentionMask hidden_mask(Call& call) {
  Builder& b = call.builder();
  AttentionMask mask;
  if (!call.has("mask")) return mask;
  Value hidden = call.tensor_as("mask", DType::kBool);
  bool hides_keys = b.rank(hidden) == 2 && call.has("mask_type") && call.integer("mask_type") == 1;
  if (hides_keys) hidden = b.unsqueeze(hidden, {1, 2});
  mask.keep = b.unary("not", hidden);
  return mask;
}

// [B, L, D] as [B, heads, L, D / heads].
Value split_heads(Call& call, Value x, std::int64_t heads) {
  Builder& b = call.builder();
  const Shape shape = b.shape(x);
  x = reshape_to(call, x, {shape.at(0), shape.at(1), heads, floor_div(shape.at(2), heads)});
  return b.transpose(x, {0, 2, 1, 3});
}

}  // namespace

SelfAttention self_attention(Call& call, Value x, std::int64_t heads) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  const Shape shape = b.shape(x);
  Value packed = linear(b, x, call.tensor_as("qkv_weight", dtype), call.tensor_as("qkv_bias", dtype));
  Dim width = shape.at(2);
  std::vector<Value> parts;
  for (int part = 0; part < 3; ++part) {
    parts.push_back(split_heads(call, b.slice(packed, 2, width * part, width * (part + 1)), heads));
  }
  SelfAttention attention;
  attention.weights = attention_weights(call, parts[0], parts[1], std::nullopt, hidden_mask(call));
  Value y = b.transpose(matrix_product(b, attention.weights, parts[2]), {0, 2, 1, 3});
  y = reshape_to(call, y, shape);
  attention.y = linear(b, y, call.tensor_as("proj_weight", dtype), call.tensor_as("proj_bias", dtype));
  return attention;
}

namespace {

void lower_multi_head_attention(Call& call) {
  Builder& b = call.builder();
  if (!(call.tape_value("query") == call.tape_value("key")) ||
      !(call.tape_value("query") == call.tape_value("value"))) {
    throw Unsupported("the fused attention of different queries, keys and values");
  }
  DType dtype = arithmetic_type(call.result_dtype());
  SelfAttention attention = self_attention(call, call.tensor_as("query", dtype), call.integer("num_head"));
  if (call.wanted(0)) call.result(0, b.cast(attention.y, call.result_dtype(0)));
  if (!call.wanted(1)) return;
  Value weights = attention.weights;
  if (call.flag("average_attn_weights")) {
    Argument heads = b.literal(static_cast<double>(call.integer("num_head")), dtype);
    weights = b.binary("div", sum_over(b, weights, {{1}, false}), heads);
  }
  call.result(1, b.cast(weights, call.result_dtype(1)));
}

Value layer_norm(Call& call, Value x, const std::string& which) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  Value y = normalized(call, x, {b.rank(x) - 1}, call.number("eps")).y;
  return scaled_and_shifted(call, y, call.tensor_as("norm_weight_" + which, dtype),
                            call.tensor_as("norm_bias_" + which, dtype));
}

Value activated(Call& call, Value x) {
  Builder& b = call.builder();
  if (!call.flag("use_gelu")) return b.unary("relu", x);
  DType dtype = b.dtype(x);
  Value tail = b.unary("tract_core_erf", b.binary("mul", x, b.literal(std::sqrt(0.5), dtype)));
  Value half = b.binary("mul", x, b.literal(0.5, dtype));
  return b.binary("mul", half, b.binary("add", tail, b.literal(1.0, dtype)));
}

void lower_encoder_layer(Call& call) {
  Builder& b = call.builder();
  DType dtype = arithmetic_type(call.result_dtype());
  bool norm_first = call.flag("norm_first");
  Value source = call.tensor_as("src", dtype);
  Value x = norm_first ? layer_norm(call, source, "1") : source;
  x = b.binary("add", self_attention(call, x, call.integer("num_heads")).y, source);
  if (!norm_first) x = layer_norm(call, x, "1");
  Value inner = norm_first ? layer_norm(call, x, "2") : x;
  inner = linear(b, inner, call.tensor_as("ffn_weight_1", dtype), call.tensor_as("ffn_bias_1", dtype));
  inner = linear(b, activated(call, inner), call.tensor_as("ffn_weight_2", dtype), call.tensor_as("ffn_bias_2", dtype));
  x = b.binary("add", inner, x);
  if (!norm_first) x = layer_norm(call, x, "2");
  call.result(b.cast(x, call.result_dtype()));
}

}  // namespace

void register_fused_transformer(Registry& registry) {
  registry.add("aten::_native_multi_head_attention", lower_multi_head_attention, "self-attention only");
  registry.add("aten::_transformer_encoder_layer_fwd", lower_encoder_layer);
}

}  // namespace torch2nnef
