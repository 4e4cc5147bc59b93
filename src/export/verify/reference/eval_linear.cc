// Contractions: matrix products, einsum, attention.

#include <cmath>

#include "export/record/torch_types.h"
#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

// One matrix for all: one product, not one for each of many batches.
at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b) {
  const bool is_one_matrix = b.dim() > 2 && a.dim() >= b.dim() && b.numel() == b.size(-1) * b.size(-2);
  return at::matmul(a, is_one_matrix ? b.reshape({b.size(-2), b.size(-1)}) : b);
}

Tensors matmul(const EvalCall& call) {
  at::Tensor a = widened(call.tensor("A")), b = widened(call.tensor("B"));
  if (call.logical("transposeA")) a = a.transpose(-1, -2);
  if (call.logical("transposeB")) b = b.transpose(-1, -2);
  return {matrix_product(a, b).to(call.result_type())};
}

Tensors linear(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")), filter = widened(call.tensor("filter"));
  at::Tensor y = matrix_product(x, filter.transpose(-1, -2)) + widened(call.tensor("bias", x));
  return {y.to(call.result_type())};
}

// Without an arrow, and with nothing after it, the letters that occur once are kept, in their order.
Tensors einsum(const EvalCall& call) {
  std::string text;
  for (char c : call.text("expr")) {
    if (c != ' ') text += c;
  }
  if (text.ends_with("->")) text.resize(text.size() - 2);
  const at::ScalarType type = to_torch(from_nnef(nnef::dtype_from_string(call.text("acc")).value()));
  Tensors inputs;
  for (const at::Tensor& input : call.tensors("inputs")) {
    inputs.push_back(at::isIntegralType(type, false) ? input.to(type) : widened(input));
  }
  at::Tensor y = at::einsum(text, inputs);
  return {y.to(type).to(call.result_type())};
}

at::Tensor scores_of(const EvalCall& call, const at::Tensor& q, const at::Tensor& k) {
  const double scale = call.has("scale") ? call.number("scale") : 1 / std::sqrt(static_cast<double>(q.size(-1)));
  return at::matmul(q, k.transpose(-1, -2)) * scale;
}

Tensors attention(const EvalCall& call) {
  at::Tensor q = widened(call.tensor("q")), k = widened(call.tensor("k")), v = widened(call.tensor("v"));
  if (q.dim() == 4 && q.size(1) != k.size(1)) {  // groups of heads share keys and values
    k = k.repeat_interleave(q.size(1) / k.size(1), 1);
    v = v.repeat_interleave(q.size(1) / v.size(1), 1);
  }
  at::Tensor scores = scores_of(call, q, k);
  if (call.has("mask")) scores = scores + widened(call.tensor("mask"));
  if (call.logical("is_causal")) {
    at::Tensor hidden = at::ones({q.size(-2), k.size(-2)}, at::kBool).triu(1);
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  return {at::matmul(at::softmax(scores, -1), v).to(call.result_type())};
}

// The second half, negated, before the first.
Tensors rotary(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::int64_t half = x.size(-1) / 2;
  at::Tensor turned = at::cat({-x.slice(-1, half, x.size(-1)), x.slice(-1, 0, half)}, -1);
  return {(x * widened(call.tensor("cos")) + turned * widened(call.tensor("sin"))).to(call.result_type())};
}

Tensors masked_softmax(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input")) * call.number("scale"), mask = call.tensor("mask");
  if (mask.scalar_type() == at::kBool) {
    x = x.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
  } else {
    x = x + widened(mask);
  }
  return {at::softmax(x, -1).to(call.result_type())};
}

}  // namespace

void add_linear_evaluation(EvalTable& table) {
  table.emplace("matmul", matmul);
  table.emplace("linear", linear);
  table.emplace("tract_core_einsum", einsum);
  table.emplace("tract_transformers_sdpa", attention);
  table.emplace("tract_transformers_apply_rope", rotary);
  table.emplace("tract_transformers_scaled_masked_softmax", masked_softmax);
}

}  // namespace torch2nnef
