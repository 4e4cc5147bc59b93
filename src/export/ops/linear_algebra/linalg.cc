// Determinants, inverses, linear systems and exponentials of matrices of a small, static size.

#include <cmath>
#include <limits>
#include <tuple>

#include "export/ops/linear_algebra/linalg_steps.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

Value matrix_of(Call& call) { return call.tensor(call.tape_call().find("A") ? "A" : "self"); }

Value squeezed(Builder& b, Value x) { return b.squeeze(x, {b.rank(x) - 2, b.rank(x) - 1}); }

Value product_of(Builder& b, const std::vector<Value>& factors, Value start) {
  for (Value factor : factors) start = b.binary("mul", start, factor);
  return start;
}

// The sign of a product, and the logarithm of its size.
struct SignedLog {
  Value sign, log;
};

SignedLog signed_log(Call& call) {
  Builder& b = call.builder();
  Eliminated steps = eliminate(call, matrix_of(call), std::nullopt);
  SignedLog result{steps.sign, {}};
  for (Value pivot : steps.pivots) {
    result.sign = b.binary("mul", result.sign, b.unary("sign", pivot));
    Value log = b.unary("log", b.unary("abs", pivot));
    result.log = result.log ? b.binary("add", result.log, log) : log;
  }
  return {squeezed(b, result.sign), squeezed(b, result.log)};
}

// Further results (the factors) are of use to a backward pass only.
void refuse_factors(const Call& call, std::size_t from) {
  for (std::size_t i = from; i < call.result_count(); ++i) {
    if (call.wanted(i)) throw Unsupported("the factors of a matrix as results");
  }
}

void lower_det(Call& call) {
  refuse_factors(call, 1);
  Builder& b = call.builder();
  Eliminated steps = eliminate(call, matrix_of(call), std::nullopt);
  call.result(0, squeezed(b, product_of(b, steps.pivots, steps.sign)));
}

void lower_slogdet(Call& call) {
  refuse_factors(call, 2);
  SignedLog result = signed_log(call);
  if (call.wanted(0)) call.result(0, result.sign);
  if (call.wanted(1)) call.result(1, result.log);
}

// NaN for a negative determinant.
void lower_logdet(Call& call) {
  Builder& b = call.builder();
  SignedLog result = signed_log(call);
  Value is_negative = b.binary("lt", result.sign, b.literal(0.0, b.dtype(result.sign)));
  Value nan = b.constant(std::numeric_limits<double>::quiet_NaN(), b.dtype(result.log));
  call.result(b.select(is_negative, nan, result.log));
}

Value inverse(Call& call, Value matrix) {
  Builder& b = call.builder();
  Value unit = identity_matrix(call, system_size(b, matrix), b.dtype(matrix));
  return eliminate(call, matrix, b.broadcast_to(unit, b.shape(matrix))).solution;
}

// `info` is given where the operator has it.
void set_info(Call& call, const std::vector<Value>& pivots, std::size_t index) {
  if (call.result_count() > index && call.wanted(index)) call.result(index, first_zero(call, pivots, index));
}

void lower_inverse(Call& call) {
  Builder& b = call.builder();
  Value matrix = matrix_of(call);
  Value unit = identity_matrix(call, system_size(b, matrix), b.dtype(matrix));
  Eliminated steps = eliminate(call, matrix, b.broadcast_to(unit, b.shape(matrix)));
  if (call.wanted(0)) call.result(0, steps.solution);
  set_info(call, steps.pivots, 1);
}

// A right side of rank one less is a vector for each matrix.
void lower_solve(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("A"), right = call.tensor("B");
  Shape vectors(b.shape(matrix).begin(), b.shape(matrix).end() - 1);
  bool is_vector = b.rank(right) == 1 || (b.rank(right) + 1 == b.rank(matrix) && b.shape(right) == vectors);
  if (is_vector) right = b.unsqueeze(right, {b.rank(right)});
  bool is_left = is_vector || call.flag("left");
  if (!is_left) std::tie(matrix, right) = std::pair(matrix_transposed(b, matrix), matrix_transposed(b, right));
  align_leading(b, matrix, right);
  Eliminated steps = eliminate(call, matrix, right);
  Value x = is_left ? steps.solution : matrix_transposed(b, steps.solution);
  if (call.wanted(0)) call.result(0, is_vector ? b.squeeze(x, {b.rank(x) - 1}) : x);
  if (call.tape_call().op == "aten::linalg_solve_ex") return set_info(call, steps.pivots, 1);
  refuse_factors(call, 1);
}

void lower_solve_triangular(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("self"), right = call.tensor("B");
  bool is_upper = call.flag("upper"), is_left = call.flag("left"), is_unit = call.flag("unitriangular");
  if (!is_left)
    std::tie(matrix, right, is_upper) =
        std::tuple(matrix_transposed(b, matrix), matrix_transposed(b, right), !is_upper);
  align_leading(b, matrix, right);
  Value x = solve_triangular(call, matrix, right, is_upper, is_unit);
  call.result(is_left ? x : matrix_transposed(b, x));
}

// The older form: the right side first, and the matrix as a second result.
void lower_old_solve_triangular(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("A"), right = call.tensor("self");
  bool is_upper = call.flag("upper");
  if (call.wanted(1)) call.result(1, matrix);
  if (call.flag("transpose")) std::tie(matrix, is_upper) = std::tuple(matrix_transposed(b, matrix), !is_upper);
  align_leading(b, matrix, right);
  if (call.wanted(0)) call.result(0, solve_triangular(call, matrix, right, is_upper, call.flag("unitriangular")));
}

void lower_cholesky(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("self");
  bool is_upper = call.flag("upper");
  Value factor = cholesky(call, is_upper ? matrix_transposed(b, matrix) : matrix);
  if (call.wanted(0)) call.result(0, is_upper ? matrix_transposed(b, factor) : factor);
  if (call.result_count() < 2 || !call.wanted(1)) return;
  // A minor that is not positive leaves a zero, or a NaN from there on.
  std::vector<Value> positive;
  for (std::int64_t step = 0; step < system_size(b, matrix); ++step) {
    Value pivot = matrix_columns(b, matrix_rows(b, factor, step, step + 1), step, step + 1);
    positive.push_back(b.cast(b.binary("gt", pivot, b.literal(0.0, b.dtype(pivot))), DType::kF32));
  }
  call.result(1, first_zero(call, positive, 1));
}

// factor * factor^T * x = right by two triangular systems.
Value solve_by_factor(Call& call, Value factor, Value right, bool is_upper) {
  Builder& b = call.builder();
  if (is_upper) factor = matrix_transposed(b, factor);
  align_leading(b, factor, right);
  Value y = solve_triangular(call, factor, right, false, false);
  return solve_triangular(call, matrix_transposed(b, factor), y, true, false);
}

void lower_cholesky_solve(Call& call) {
  call.result(solve_by_factor(call, call.tensor("input2"), call.tensor("self"), call.flag("upper")));
}

void lower_cholesky_inverse(Call& call) {
  Builder& b = call.builder();
  Value factor = call.tensor("self");
  Value unit = identity_matrix(call, system_size(b, factor), b.dtype(factor));
  call.result(solve_by_factor(call, factor, unit, call.flag("upper")));
}

// --- tensors as matrices: the first `ind` axes against the others ---

void lower_tensor_inverse(Call& call) {
  const Shape& shape = call.shape("self");
  auto lead = static_cast<std::ptrdiff_t>(call.integer("ind"));
  Shape front(shape.begin(), shape.begin() + lead), back(shape.begin() + lead, shape.end());
  Value matrix = reshape_to(call, call.tensor("self"), {nnef::volume(front), nnef::volume(back)});
  call.result(reshape_to(call, inverse(call, matrix), call.result_shape()));
}

void lower_tensor_solve(Call& call) {
  if (call.has("dims")) throw Unsupported("linalg_tensorsolve with dims");
  Dim size = nnef::volume(call.shape("other"));
  Value matrix = reshape_to(call, call.tensor("self"), {size, nnef::volume(call.result_shape())});
  Value right = reshape_to(call, call.tensor("other"), {size, 1});
  call.result(reshape_to(call, eliminate(call, matrix, right).solution, call.result_shape()));
}

// A polynomial of the matrix divided by 2^16, squared 16 times, in double precision.
void lower_matrix_exp(Call& call) {
  static constexpr int kSquarings = 16, kTerms = 8;
  Builder& b = call.builder();
  Value matrix = b.cast(call.tensor("self"), DType::kF64);
  Value unit = b.broadcast_to(identity_matrix(call, system_size(b, matrix), DType::kF64), b.shape(matrix));
  Value small = b.binary("mul", matrix, b.constant(std::ldexp(1.0, -kSquarings), DType::kF64));
  Value sum = unit;
  for (int term = kTerms; term > 0; --term) {
    Value scaled = b.binary("mul", matrix_product(b, small, sum), b.constant(1.0 / term, DType::kF64));
    sum = b.binary("add", unit, scaled);
  }
  for (int i = 0; i < kSquarings; ++i) sum = matrix_product(b, sum, sum);
  call.result(b.cast(sum, call.result_dtype()));
}

}  // namespace

void register_linalg(Registry& registry) {
  static constexpr char kLimits[] = "static sizes up to 32";
  registry.add("aten::det aten::linalg_det aten::_linalg_det", lower_det, kLimits);
  registry.add("aten::slogdet aten::linalg_slogdet aten::_linalg_slogdet", lower_slogdet, kLimits);
  registry.add("aten::logdet", lower_logdet, kLimits);
  registry.add("aten::inverse aten::linalg_inv aten::linalg_inv_ex", lower_inverse, kLimits);
  registry.add("aten::linalg_solve aten::linalg_solve_ex aten::_linalg_solve_ex", lower_solve, kLimits);
  registry.add("aten::linalg_solve_triangular", lower_solve_triangular, kLimits);
  registry.add("aten::triangular_solve", lower_old_solve_triangular, kLimits);
  registry.add("aten::cholesky aten::linalg_cholesky aten::linalg_cholesky_ex", lower_cholesky, kLimits);
  registry.add("aten::cholesky_solve", lower_cholesky_solve, kLimits);
  registry.add("aten::cholesky_inverse", lower_cholesky_inverse, kLimits);
  registry.add("aten::linalg_tensorinv", lower_tensor_inverse, kLimits);
  registry.add("aten::linalg_tensorsolve", lower_tensor_solve, kLimits);
  registry.add("aten::linalg_matrix_exp aten::matrix_exp", lower_matrix_exp, kLimits);
}

}  // namespace torch2nnef
