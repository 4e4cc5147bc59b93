// Operators that work item by item: one input, two inputs, and the choice between two.
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

struct Row {
  std::string_view op;
  unsigned allowed;
  bool gives_logical = false;
};

using namespace types;  // the names of the sets, for the tables

constexpr Row kUnary[] = {
    {"exp", kFloats},
    {"log", kFloats},
    {"sin", kFloats},
    {"cos", kFloats},
    {"tan", kFloats},
    {"asin", kFloats},
    {"acos", kFloats},
    {"atan", kFloats},
    {"sinh", kFloats},
    {"cosh", kFloats},
    {"asinh", kFloats},
    {"acosh", kFloats},
    {"atanh", kFloats},
    {"abs", kFloats | kSigned},
    {"neg", kFloats | kSigned},
    {"sign", kFloats | kSigned},
    {"recip", kFloats},
    {"rcp", kFloats},
    {"floor", kNumbers},
    {"ceil", kNumbers},
    {"round", kNumbers},
    {"square", kFloats | kInt32},
    {"sqrt", kFloats},
    {"rsqrt", kFloats},
    {"tanh", kFloats},
    {"sigmoid", kHalfSingle},
    {"not", kLogical},
    {"leaky_relu", kHalfSingle},
    {"sqr", kFloats | kInt32},
    {"rsqr", kFloats},
    {"log2", kFloats},
    {"relu", kNumbers},
    {"elu", kFloats},
    {"gelu", kFloats},
    {"silu", kFloats},
    {"selu", kFloats},
    {"softplus", kFloats},
    {"softabs", kFloats},
    {"copy", kAll},
    {"tract_core_round_even", kHalfSingle},
    {"tract_core_erf", kHalfSingle},
    {"tract_core_hard_swish", kHalfSingle},
    {"tract_core_silu", kHalfSingle},
    {"tract_transformers_silu", kHalfSingle},
    {"tract_core_gelu_approx", kHalfSingle},
    {"tract_transformers_gelu_approx", kHalfSingle},
    {"tract_core_pow_const", kHalfSingle},
    {"tract_core_is_nan", kHalfSingle, true},
    {"tract_core_is_inf", kHalfSingle, true},
    {"tract_core_bitnot", kIntegers | kLogical},
};

constexpr Row kBinary[] = {
    {"add", kNumbers},
    {"sub", kNumbers},
    {"mul", kNumbers},
    {"div", kNumbers},
    {"pow", kFloats | kInt32 | kInt64},
    {"min", kNumbers},
    {"max", kNumbers},
    {"eq", kNumbers, true},
    {"ne", kNumbers, true},
    {"lt", kNumbers, true},
    {"gt", kNumbers, true},
    {"le", kNumbers, true},
    {"ge", kNumbers, true},
    {"and", kLogical},
    {"or", kLogical},
    {"tract_core_xor", kLogical},
    {"tract_core_bitand", kIntegers | kLogical},
    {"tract_core_bitor", kIntegers | kLogical},
    {"tract_core_bitxor", kIntegers | kLogical},
    {"tract_shl", kIntegers},
    {"tract_shr", kIntegers},
    {"prelu", kFloats},
};

// Rows by operator, built once for each of the two tables.
template <std::size_t kSize>
std::unordered_map<std::string_view, Row> by_name(const Row (&rows)[kSize]) {
  std::unordered_map<std::string_view, Row> result;
  for (const Row& row : rows) result.emplace(row.op, row);
  return result;
}

Results infer_unary(const Call& call) {
  static const auto rows = by_name(kUnary);
  const Row& row = rows.at(call.operation().op);
  const Fact x = call.tensor_at(0);
  call.require_type(x, row.allowed);
  return one_result(row.gives_logical ? DType::kBool : x.dtype, x.shape);
}

Results infer_binary(const Call& call) {
  static const auto rows = by_name(kBinary);
  const Row& row = rows.at(call.operation().op);
  const Fact x = call.tensor_at(0);
  const Fact y = call.tensor_at(1);
  Fact common;
  common.dtype = call.common_type({x, y});
  call.require_type(common, row.allowed);
  return one_result(row.gives_logical ? DType::kBool : common.dtype, call.common_shape({x, y}));
}

Results infer_clamp(const Call& call) {
  const Fact x = call.tensor("x");
  const Fact a = call.tensor("a");
  const Fact b = call.tensor("b");
  Fact common;
  common.dtype = call.common_type({x, a, b});
  call.require_type(common, kNumbers);
  return one_result(common.dtype, call.common_shape({x, a, b}));
}

Results infer_select(const Call& call) {
  const Fact condition = call.tensor("condition");
  call.require(condition.dtype == DType::kBool, "the condition must be bool");
  const Fact a = call.tensor("true_value");
  const Fact b = call.tensor("false_value");
  return one_result(call.common_type({a, b}), call.common_shape({condition, a, b}));
}

Results infer_add_n(const Call& call) {
  const std::vector<Fact> terms = call.tensors("x");
  Fact sum = terms.front();
  for (const Fact& term : terms) {
    sum.shape = call.common_shape({sum, term});
    sum.dtype = call.common_type({sum, term});
  }
  return one_result(sum.dtype, sum.shape);
}

Results infer_clamped_swiglu(const Call& call) {
  const Fact gate = call.tensor("gate");
  const Fact up = call.tensor("up");
  call.require_type(gate, kHalfSingle);
  call.require(call.common_type({gate, up}) == gate.dtype && gate.shape == up.shape, "the shapes must be equal");
  return one_result(DType::kF32, gate.shape);
}

}  // namespace

void add_elementwise_inference(InferTable& table) {
  for (const Row& row : kUnary) table.emplace(row.op, infer_unary);
  for (const Row& row : kBinary) table.emplace(row.op, infer_binary);
  table.emplace("clamp", infer_clamp);
  table.emplace("select", infer_select);
  table.emplace("add_n", infer_add_n);
  table.emplace("tract_core_clamped_swiglu", infer_clamped_swiglu);
}

bool is_elementwise(std::string_view op) {
  static const InferTable kTable = [] {
    InferTable table;
    add_elementwise_inference(table);
    return table;
  }();
  return kTable.contains(op);
}

}  // namespace nnef
