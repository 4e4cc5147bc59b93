// Scaled dot product attention: the plain form of matmul, mask and softmax, which every release of the engine computes
// alike. Its own operator aligns causal masks in two ways (T-SDPA-CAUSAL).

#include "export/ops/networks/attention.h"

#include <cmath>
#include <limits>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/networks/softmax.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

Value scaled(Call& call, Value scores, const Dim& width, std::optional<double> scale) {
  Builder& b = call.builder();
  const DType dtype = b.dtype(scores);
  if (!scale && width.is_constant()) scale = 1 / std::sqrt(static_cast<double>(width.value()));
  if (scale) return *scale == 1 ? scores : b.binary("mul", scores, b.literal(*scale, dtype));
  return b.binary("div", scores, b.unary("sqrt", call.dim_tensor(width, dtype)));
}

// Whether a query may look at any key, [.., L, 1].
Value sees_anything(Builder& b, const AttentionMask& mask) {
  Value keep = mask.keep ? *mask.keep : b.binary("ne", *mask.added, b.literal(kMinusInfinity, b.dtype(*mask.added)));
  int last = b.rank(keep) - 1;
  if (b.dialect().has("any_reduce")) return b.reduce("any_reduce", keep, {last}, true);
  return b.cast(b.reduce("max_reduce", b.cast(keep, DType::kI64), {last}, true), DType::kBool);
}

// What is added to the scores. It depends on the mask alone, so that layers share it; a selection among the scores of
// each layer is slower.
Value penalty(Builder& b, const AttentionMask& mask, DType dtype) {
  if (!mask.keep) return *mask.added;
  return b.cast(b.select(*mask.keep, b.literal(0.0, dtype), b.literal(kMinusInfinity, dtype)), dtype);
}

}  // namespace

Value attention_weights(Call& call, Value q, Value k, std::optional<double> scale, const AttentionMask& mask) {
  Builder& b = call.builder();
  Value scores = scaled(call, matrix_product(b, q, k, true), b.shape(q).back(), scale);
  if (mask.keep || mask.added) scores = b.binary("add", scores, penalty(b, mask, b.dtype(scores)));
  return softmax(b, scores, b.rank(scores) - 1);
}

Value causal_mask(Call& call, const Dim& queries, const Dim& keys) {
  Builder& b = call.builder();
  // Not by comparing row numbers with column numbers: the engine's optimiser splits such a selection where an axis is
  // symbolic, and then cannot run its own slices (T-MASK-OF-RANGES).
  Value ones = filled(call, constant_of(call, 1, DType::kI64), {queries, keys});
  Value triangle = b.add("tract_core_trilu", {ones, Argument(Dim(0))}, {{"upper", false}});
  return b.cast(triangle, DType::kBool);
}

namespace {

// Each head of keys or values serves several heads of queries.
Value repeated_heads(Builder& b, Value x, Value q) {
  int axis = b.rank(x) - 3;
  std::size_t place = static_cast<std::size_t>(axis);
  Dim heads = b.shape(x).at(place), wanted = b.shape(q).at(place);
  if (heads == wanted) return x;
  std::optional<Dim> times = nnef::exact_div(wanted, heads);
  if (!times) throw Unsupported("grouped attention whose heads do not divide each other");
  Shape shape = b.shape(x), wide = shape;
  wide.insert(wide.begin() + axis + 1, *times);
  shape[place] = wanted;
  return b.reshape(b.broadcast_to(b.unsqueeze(x, {axis + 1}), wide), shape);
}

// A constant mask that hides every key of a query is rare; one that does not needs no care for it.
bool hides_no_row(const Call& call) {
  ConstantPtr constant = call.constant("attn_mask");
  if (!constant || constant->shape().empty()) return false;
  std::vector<double> items = constant->to_doubles();
  bool is_bool = constant->scalar_type() == ScalarType::kBool;
  auto keys = static_cast<std::size_t>(constant->shape().back());
  for (std::size_t row = 0; keys > 0 && row < items.size(); row += keys) {
    bool sees = false;
    for (std::size_t key = row; key < row + keys; ++key)
      sees |= is_bool ? items[key] != 0 : items[key] != kMinusInfinity;
    if (!sees) return false;
  }
  return true;
}

AttentionMask mask_of(Call& call, DType dtype) {
  AttentionMask mask;
  if (call.flag("is_causal")) {
    if (call.has("attn_mask")) throw Unsupported("attention with a mask and is_causal=True");
    const Shape& q = call.shape("query");
    const Shape& k = call.shape("key");
    mask.keep = causal_mask(call, q.at(q.size() - 2), k.at(k.size() - 2));
  } else if (call.has("attn_mask")) {
    bool is_bool = call.type("attn_mask") == ScalarType::kBool;
    (is_bool ? mask.keep : mask.added) = call.tensor_as("attn_mask", is_bool ? DType::kBool : dtype);
    mask.zero_hidden_rows = !hides_no_row(call);
  }
  return mask;
}

void lower_attention(Call& call) {
  Builder& b = call.builder();
  if (call.number("dropout_p") != 0) throw Unsupported("attention with dropout", "export the model in eval mode");
  DType dtype = arithmetic_type(call.result_dtype());
  Value q = call.tensor_as("query", dtype), k = call.tensor_as("key", dtype), v = call.tensor_as("value", dtype);
  if (call.has("enable_gqa") && call.flag("enable_gqa")) {
    k = repeated_heads(b, k, q);
    v = repeated_heads(b, v, q);
  }
  std::optional<double> scale;
  if (call.has("scale")) scale = call.number("scale");
  const AttentionMask mask = mask_of(call, dtype);
  const Value weights = attention_weights(call, q, k, scale, mask);
  // The rows of the result are fewer items than those of the weights. A hidden row is NaN in all of them.
  const bool may_hide_rows = mask.zero_hidden_rows && (mask.keep || mask.added);
  const auto without_hidden = [&](Value rows) {
    return may_hide_rows ? b.select(sees_anything(b, mask), rows, b.literal(0.0, dtype)) : rows;
  };
  if (call.wanted(0)) call.result(0, b.cast(without_hidden(matrix_product(b, weights, v)), call.result_dtype(0)));
  if (call.wanted(1)) call.result(1, b.cast(without_hidden(weights), call.result_dtype(1)));
}

}  // namespace

void register_attention(Registry& registry) {
  registry.add("aten::scaled_dot_product_attention aten::_scaled_dot_product_attention", lower_attention,
               "dropout_p must be 0");
}

}  // namespace torch2nnef
