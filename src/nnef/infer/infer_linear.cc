// Contractions: matrix products, einsum, attention.
#include <algorithm>
#include <map>

#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

// tract computes integer products in i8 and i32 only.
constexpr unsigned kProductTypes = types::kFloats | types::kInt8 | types::kInt32;

Shape broadcast_batch(const Call& call, const Shape& a, const Shape& b) {
  try {
    return broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  } catch (const BuildError& error) {
    call.fail(error.what());
  }
}

Results infer_matmul(const Call& call) {
  const Fact a = call.tensor("A");
  const Fact b = call.tensor("B");
  call.require_type(a, kProductTypes);
  call.require(a.dtype == b.dtype, "operands of " + std::string(to_string(a.dtype)) + " and " +
                                       std::string(to_string(b.dtype)) + " do not go together");
  call.require(a.rank() == b.rank() && a.rank() >= 2,
               "shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " must have one rank, 2 or more");
  const std::size_t last = a.shape.size() - 1;
  const bool flip_a = call.logical("transposeA");
  const bool flip_b = call.logical("transposeB");
  const Dim& inner_a = a.shape[flip_a ? last - 1 : last];
  const Dim& inner_b = b.shape[flip_b ? last : last - 1];
  call.require(inner_a == inner_b,
               "shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " do not share the contracted extent");
  Shape result = broadcast_batch(call, a.shape, b.shape);
  result.push_back(a.shape[flip_a ? last : last - 1]);
  result.push_back(b.shape[flip_b ? last - 1 : last]);
  return one_result(a.dtype, result);
}

// As its body says, matmul(input, filter, transposeB = true) + bias, of equal ranks.
Results infer_high_linear(const Call& call, const Fact& input, const Fact& filter, const Fact& bias) {
  const auto last = static_cast<std::size_t>(input.rank()) - 1;
  call.require(input.shape[last] == filter.shape[last], "input and filter do not share the contracted extent");
  const auto batch = static_cast<std::ptrdiff_t>(last) - 1;
  Shape result = broadcast({input.shape.begin(), input.shape.begin() + batch},
                           {filter.shape.begin(), filter.shape.begin() + batch});
  result.insert(result.end(), {input.shape[last - 1], filter.shape[last - 1]});
  if (bias.shape.empty()) return one_result(input.dtype, std::move(result));
  call.require(bias.rank() == input.rank(), "the bias differs from the input in rank");
  return one_result(input.dtype, broadcast(result, bias.shape));
}

Results infer_linear(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact filter = call.tensor("filter");
  const Fact bias = call.tensor("bias");
  call.require_type(input, types::kFloats);
  call.common_type({input, filter, bias});
  if (input.rank() > 2 && filter.rank() == input.rank()) return infer_high_linear(call, input, filter, bias);
  call.require(input.rank() == 2 && filter.rank() == 2, "wants an input and a filter of rank 2");
  call.require(input.shape[1] == filter.shape[1], "input and filter do not share the contracted extent");
  const Shape wanted{1, filter.shape[0]};  // T-LINEAR-BIAS
  call.require(bias.shape.empty() || bias.shape == wanted, "the bias must have the shape " + to_string(wanted));
  return one_result(input.dtype, {input.shape[0], filter.shape[0]});
}

struct EinsumText {
  std::vector<std::string> operands;
  std::string result;
};

// Letters of the operands and of the result; an expression without an arrow follows numpy's implicit rule, which tract
// also applies to an empty right side, so that one is only good when no letter occurs once (T-EINSUM-TO-NOTHING).
EinsumText read_einsum(const Call& call) {
  std::string text;
  for (char c : call.text("expr")) {
    if (c != ' ') text += c;
  }
  call.require(text.find("...") == std::string::npos, "an ellipsis is not supported");
  const std::size_t arrow = text.find("->");
  EinsumText result;
  result.operands.emplace_back();
  std::map<char, int> uses;
  for (char c : text.substr(0, arrow)) {
    if (c == ',') {
      result.operands.emplace_back();
    } else {
      result.operands.back() += c;
      ++uses[c];
    }
  }
  if (arrow != std::string::npos) {
    result.result = text.substr(arrow + 2);
    if (!result.result.empty()) return result;
  }
  std::string implicit;
  for (const auto& [letter, count] : uses) {
    if (count == 1) implicit += letter;
  }
  call.require(arrow == std::string::npos || implicit.empty(),
               "an empty right side would keep the letters '" + implicit + "'");
  result.result = implicit;
  return result;
}

void require_contraction(const Call& call, const EinsumText& text) {
  for (std::size_t k = 0; k < text.operands.size() && text.operands.size() > 1; ++k) {
    for (std::size_t i = 0; i < text.operands[k].size(); ++i) {
      call.require(text.operands[k].find(text.operands[k][i], i + 1) == std::string::npos,
                   "a letter occurs twice in one of several operands");
    }
  }
}

// f32 and f16 go together where the sums are f32.
bool is_mixed(const Call& call, const std::vector<Fact>& inputs) {
  const auto is_half_or_single = [](const Fact& input) {
    return input.dtype == DType::kF16 || input.dtype == DType::kF32;
  };
  return call.dtype("acc") == DType::kF32 && std::all_of(inputs.begin(), inputs.end(), is_half_or_single);
}

Results infer_einsum(const Call& call) {
  const std::vector<Fact> inputs = call.tensors("inputs");
  const EinsumText text = read_einsum(call);
  require_contraction(call, text);
  call.require(text.operands.size() == inputs.size(), "the expression does not have one term for each input");
  std::map<char, Dim> extents;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    call.require_type(inputs[k], kProductTypes);
    call.require(inputs[k].dtype == inputs[0].dtype || is_mixed(call, inputs), "the inputs differ in type");
    call.require(text.operands[k].size() == inputs[k].shape.size(),
                 "term '" + text.operands[k] + "' does not fit " + to_string(inputs[k].shape));
    for (std::size_t i = 0; i < inputs[k].shape.size(); ++i) {
      const Dim& extent = inputs[k].shape[i];
      auto [place, inserted] = extents.try_emplace(text.operands[k][i], extent);
      if (inserted || place->second == extent || extent == Dim(1)) continue;
      call.require(place->second == Dim(1), "letter '" + std::string(1, text.operands[k][i]) + "' is " +
                                                place->second.to_string() + " and " + extent.to_string());
      place->second = extent;
    }
  }
  Shape result;
  for (char letter : text.result) {
    auto place = extents.find(letter);
    call.require(place != extents.end(), "the result names a letter that no input has");
    result.push_back(place->second);
  }
  const DType acc = call.dtype("acc");
  const bool widens = item_size(acc) > item_size(inputs[0].dtype);
  call.require(is_float(acc) == is_float(inputs[0].dtype) && (acc != DType::kF64 || !widens),
               "cannot accumulate " + std::string(to_string(inputs[0].dtype)) + " in " + std::string(to_string(acc)));
  const std::string output = call.text("output");
  return one_result(output.empty() ? acc : call.dtype("output"), result);
}

Results infer_sdpa(const Call& call) {
  const Fact q = call.tensor("q");
  const Fact k = call.tensor("k");
  const Fact v = call.tensor("v");
  call.require_type(q, types::kHalfSingle);
  call.common_type({q, k, v});
  call.require((q.rank() == 3 || q.rank() == 4) && k.rank() == q.rank() && v.rank() == q.rank(),
               "q, k and v must all have rank 3 or 4");
  const std::size_t last = q.shape.size() - 1;
  call.require(q.shape[last] == k.shape[last], "q and k differ in the last extent");
  call.require(k.shape[last - 1] == v.shape[last - 1], "k and v differ in length");
  const bool causal = call.logical("is_causal");
  call.require(!causal || q.shape[last - 1] == k.shape[last - 1], "is_causal needs equal lengths of q and k");
  if (call.has("mask")) {
    const Fact mask = call.tensor("mask");
    call.require(!causal, "a mask and is_causal exclude each other");
    call.require(mask.dtype == q.dtype, "the mask must be of the type of q");
    call.require(mask.rank() >= 2 && mask.shape.back() == k.shape[last - 1] &&
                     mask.shape[mask.shape.size() - 2] == q.shape[last - 1],
                 "the mask must end in [q length, k length]");
  }
  Shape result = q.shape;
  result[last] = v.shape[last];
  return one_result(q.dtype, result);
}

Results infer_apply_rope(const Call& call) {
  const Fact x = call.tensor("input");
  const Fact cos = call.tensor("cos");
  const Fact sin = call.tensor("sin");
  call.require_type(x, types::kFloats);
  call.common_type({x, cos, sin});
  call.require(call.common_shape({x, cos, sin}) == x.shape, "cos and sin do not fit the input");
  return one_result(x.dtype, x.shape);
}

Results infer_masked_softmax(const Call& call) {
  const Fact x = call.tensor("input");
  const Fact mask = call.tensor("mask");
  call.require_type(x, types::kHalfSingle);
  call.require(mask.dtype == x.dtype || mask.dtype == DType::kBool, "the mask must be bool or of the input's type");
  call.require(call.common_shape({x, mask}) == x.shape, "the mask does not fit the input");
  return one_result(x.dtype, x.shape);
}

}  // namespace

void add_linear_inference(InferTable& table) {
  table.emplace("matmul", infer_matmul);
  table.emplace("linear", infer_linear);
  table.emplace("tract_core_einsum", infer_einsum);
  table.emplace("tract_transformers_sdpa", infer_sdpa);
  table.emplace("tract_transformers_apply_rope", infer_apply_rope);
  table.emplace("tract_transformers_scaled_masked_softmax", infer_masked_softmax);
}

}  // namespace nnef
