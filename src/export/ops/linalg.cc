// Determinants, inverses and linear systems of a small, static size. Eigenvalues, singular values and what needs them
// are refused: they are iterations of a length that depends on the numbers.

#include <limits>
#include <tuple>

#include "export/ops/linalg_steps.h"
#include "export/ops/product.h"
#include "export/ops/shape_util.h"

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

void lower_det(Call& call) {
  Builder& b = call.builder();
  Eliminated steps = eliminate(call, matrix_of(call), std::nullopt);
  call.result(squeezed(b, product_of(b, steps.pivots, steps.sign)));
}

// Further results (the factors) are of use to a backward pass only.
void refuse_factors(const Call& call, std::size_t from) {
  for (std::size_t i = from; i < call.result_count(); ++i) {
    if (call.wanted(i)) throw Unsupported("the factors of a matrix as results");
  }
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

void lower_inverse(Call& call) {
  refuse_factors(call, 1);
  call.result(0, inverse(call, matrix_of(call)));
}

// Both with the same leading axes.
void align_leading(Builder& b, Value& matrix, Value& right) {
  Shape left(b.shape(matrix).begin(), b.shape(matrix).end() - 2),
      other(b.shape(right).begin(), b.shape(right).end() - 2);
  Shape lead = nnef::broadcast(left, other), of_matrix = lead, of_right = lead;
  of_matrix.insert(of_matrix.end(), b.shape(matrix).end() - 2, b.shape(matrix).end());
  of_right.insert(of_right.end(), b.shape(right).end() - 2, b.shape(right).end());
  matrix = b.broadcast_to(matrix, of_matrix);
  right = b.broadcast_to(right, of_right);
}

Value transposed(Builder& b, Value x) {
  std::vector<int> order;
  for (int axis = 0; axis < b.rank(x); ++axis) order.push_back(axis);
  std::swap(order[order.size() - 2], order[order.size() - 1]);
  return b.transpose(x, order);
}

// A right side of rank one less is a vector for each matrix.
void lower_solve(Call& call) {
  refuse_factors(call, 1);
  Builder& b = call.builder();
  Value matrix = call.tensor("A"), right = call.tensor("B");
  if (call.has("left") && !call.flag("left")) throw Unsupported("linalg_solve with left=False");
  Shape vectors(b.shape(matrix).begin(), b.shape(matrix).end() - 1);
  bool is_vector = b.rank(right) == 1 || (b.rank(right) + 1 == b.rank(matrix) && b.shape(right) == vectors);
  if (is_vector) right = b.unsqueeze(right, {b.rank(right)});
  align_leading(b, matrix, right);
  Value x = eliminate(call, matrix, right).solution;
  call.result(0, is_vector ? b.squeeze(x, {b.rank(x) - 1}) : x);
}

void lower_solve_triangular(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("self"), right = call.tensor("B");
  bool is_upper = call.flag("upper"), is_left = call.flag("left"), is_unit = call.flag("unitriangular");
  if (!is_left) std::tie(matrix, right, is_upper) = std::tuple(transposed(b, matrix), transposed(b, right), !is_upper);
  align_leading(b, matrix, right);
  Value x = solve_triangular(call, matrix, right, is_upper, is_unit);
  call.result(is_left ? x : transposed(b, x));
}

// The older form: the right side first, and the matrix as a second result.
void lower_old_solve_triangular(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("A"), right = call.tensor("self");
  bool is_upper = call.flag("upper");
  if (call.wanted(1)) call.result(1, matrix);
  if (call.flag("transpose")) std::tie(matrix, is_upper) = std::tuple(transposed(b, matrix), !is_upper);
  align_leading(b, matrix, right);
  if (call.wanted(0)) call.result(0, solve_triangular(call, matrix, right, is_upper, call.flag("unitriangular")));
}

void lower_cholesky(Call& call) {
  refuse_factors(call, 1);
  Builder& b = call.builder();
  Value matrix = call.tensor("self");
  bool is_upper = call.flag("upper");
  Value factor = cholesky(call, is_upper ? transposed(b, matrix) : matrix);
  call.result(0, is_upper ? transposed(b, factor) : factor);
}

// factor * factor^T * x = right by two triangular systems.
Value solve_by_factor(Call& call, Value factor, Value right, bool is_upper) {
  Builder& b = call.builder();
  if (is_upper) factor = transposed(b, factor);
  align_leading(b, factor, right);
  Value y = solve_triangular(call, factor, right, false, false);
  return solve_triangular(call, transposed(b, factor), y, true, false);
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

void refuse_iteration(Call&) {
  throw Unsupported("eigenvalues, singular values and orthogonal factors need iterations that the format cannot say",
                    "compute them before the export when they do not depend on an input");
}

}  // namespace

void register_linalg(Registry& registry);

void register_linalg(Registry& registry) {
  static constexpr char kLimits[] = "static sizes up to 32";
  registry.add("aten::det aten::linalg_det", lower_det, kLimits);
  registry.add("aten::slogdet aten::linalg_slogdet", lower_slogdet, kLimits);
  registry.add("aten::logdet", lower_logdet, kLimits);
  registry.add("aten::inverse aten::linalg_inv", lower_inverse, kLimits);
  registry.add("aten::linalg_solve", lower_solve, kLimits);
  registry.add("aten::linalg_solve_triangular", lower_solve_triangular, kLimits);
  registry.add("aten::triangular_solve", lower_old_solve_triangular, kLimits);
  registry.add("aten::cholesky aten::linalg_cholesky", lower_cholesky, kLimits);
  registry.add("aten::cholesky_solve", lower_cholesky_solve, kLimits);
  registry.add("aten::cholesky_inverse", lower_cholesky_inverse, kLimits);
  registry.add("aten::linalg_tensorinv", lower_tensor_inverse, kLimits);
  registry.add("aten::linalg_tensorsolve", lower_tensor_solve, kLimits);
  registry.add(
      "aten::linalg_eig aten::linalg_eigh aten::linalg_eigvals aten::linalg_eigvalsh aten::linalg_svd "
      "aten::linalg_svdvals aten::svd aten::linalg_qr aten::qr aten::geqrf aten::ormqr aten::linalg_pinv "
      "aten::pinverse "
      "aten::linalg_lstsq aten::linalg_matrix_rank aten::linalg_cond aten::nuclear_norm aten::linalg_matrix_exp "
      "aten::matrix_exp aten::linalg_householder_product",
      refuse_iteration, "always refused", Domain::kBoth);
}

}  // namespace torch2nnef
