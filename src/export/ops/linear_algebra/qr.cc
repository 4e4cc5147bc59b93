// QR factors of a small matrix by Householder reflections, with the signs that LAPACK's geqrf gives them.

#include <algorithm>

#include "export/ops/linear_algebra/linalg_steps.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

struct Reflections {
  Value reduced;               // [.., m, n]: R, the vectors below its diagonal are zeroed
  std::vector<Value> vectors;  // [.., m, 1] each: zeros, a one, the tail
  std::vector<Value> taus;     // [.., 1, 1]
};

Value reflected(Builder& b, Value x, Value vector, Value tau) {
  Value along = matrix_product(b, matrix_transposed(b, vector), x);
  return b.binary("sub", x, b.binary("mul", b.binary("mul", vector, tau), along));
}

// H = 1 - tau * v * v^T maps the column from `step` on to (beta, 0, ...); beta has the sign opposite to the column's
// head. Where the tail is zero, H is the identity.
void reflect_column(Call& call, Reflections& result, Value rows, std::int64_t step) {
  Builder& b = call.builder();
  DType dtype = b.dtype(result.reduced);
  int row_axis = b.rank(result.reduced) - 2;
  Argument zero = b.literal(0.0, dtype), one = b.literal(1.0, dtype);
  Value here = b.constant(step, DType::kI64);
  Value column = matrix_columns(b, result.reduced, step, step + 1);
  Value head = matrix_rows(b, column, step, step + 1);
  Value tail = b.select(b.binary("gt", rows, here), column, zero);
  Value rest = b.reduce("sum_reduce", b.binary("mul", tail, tail), {row_axis}, true);
  Value is_done = b.binary("eq", rest, zero);
  Value length = b.unary("sqrt", b.binary("add", b.binary("mul", head, head), rest));
  Value beta = b.select(b.binary("lt", head, zero), length, b.unary("neg", length));
  Value safe_beta = b.select(is_done, one, beta);
  Value tau = b.select(is_done, zero, b.binary("div", b.binary("sub", beta, head), safe_beta));
  Value scale = b.select(is_done, one, b.binary("sub", head, beta));
  Value is_head = b.binary("eq", rows, here);
  Value vector = b.select(is_head, one, b.binary("div", tail, scale));
  Value next = reflected(b, result.reduced, vector, tau);
  Value columns = affine_range(call, matrix_size(b, result.reduced).columns);
  Value exact = b.select(is_head, b.select(is_done, head, beta), b.select(b.binary("lt", rows, here), column, zero));
  result.reduced = b.select(b.binary("eq", columns, here), exact, next);
  result.vectors.push_back(vector);
  result.taus.push_back(tau);
}

Reflections reflect(Call& call, Value matrix) {
  Builder& b = call.builder();
  MatrixSize size = matrix_size(b, matrix);
  Value rows = b.unsqueeze(affine_range(call, size.rows), {1});
  Reflections result{matrix, {}, {}};
  for (std::int64_t step = 0; step < std::min(size.rows, size.columns); ++step) {
    reflect_column(call, result, rows, step);
  }
  return result;
}

// H1 * H2 * ... * Hk * x, or the transposed product.
Value apply_all(Builder& b, const Reflections& reflections, Value x, bool is_transposed) {
  std::size_t count = reflections.vectors.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t at = is_transposed ? i : count - 1 - i;
    x = reflected(b, x, reflections.vectors[at], reflections.taus[at]);
  }
  return x;
}

// The first `columns` columns of the identity.
Value identity_part(Call& call, std::int64_t rows, std::int64_t columns, DType dtype) {
  return matrix_columns(call.builder(), identity_matrix(call, rows, dtype), 0, columns);
}

void set_factors(Call& call, Value matrix, bool has_q, bool is_complete) {
  Builder& b = call.builder();
  MatrixSize size = matrix_size(b, matrix);
  std::int64_t shared = is_complete ? size.rows : std::min(size.rows, size.columns);
  Reflections reflections = reflect(call, matrix);
  if (call.wanted(0)) {
    call.result(0, has_q ? apply_all(b, reflections, identity_part(call, size.rows, shared, b.dtype(matrix)), false)
                         : zeros(call, call.result_dtype(0), call.result_shape(0)));
  }
  if (call.wanted(1)) {
    Value upper =
        b.add("tract_core_trilu", {matrix_rows(b, reflections.reduced, 0, shared)}, {{"upper", true}, {"k", 0}});
    call.result(1, upper);
  }
}

void lower_linalg_qr(Call& call) {
  std::string mode = call.text("mode");
  set_factors(call, call.tensor("A"), mode != "r", mode == "complete");
}

void lower_qr(Call& call) { set_factors(call, call.tensor("self"), true, !call.flag("some")); }

Value tau_list(Builder& b, const std::vector<Value>& taus) {
  Value joined = b.concat(taus, b.rank(taus[0]) - 2);
  return b.squeeze(joined, {b.rank(joined) - 1});
}

// R with the vectors in the place of its zeros.
void lower_geqrf(Call& call) {
  Builder& b = call.builder();
  Reflections reflections = reflect(call, call.tensor("self"));
  if (call.wanted(0)) {
    MatrixSize size = matrix_size(b, reflections.reduced);
    Value vectors = b.concat(reflections.vectors, b.rank(reflections.reduced) - 1);
    std::int64_t count = std::min(size.rows, size.columns);
    if (count < size.columns) {
      Shape rest = b.shape(reflections.reduced);
      rest.back() = size.columns - count;
      vectors = b.concat({vectors, zeros(call, b.dtype(vectors), rest)}, b.rank(vectors) - 1);
    }
    Value rows = b.unsqueeze(affine_range(call, size.rows), {1}), columns = affine_range(call, size.columns);
    call.result(0, b.select(b.binary("gt", rows, columns), vectors, reflections.reduced));
  }
  if (call.wanted(1)) call.result(1, tau_list(b, reflections.taus));
}

// The vectors below the diagonal of what geqrf gave.
Reflections given_reflections(Call& call, std::string_view matrix_name, std::string_view tau_name) {
  Builder& b = call.builder();
  Value matrix = call.tensor(matrix_name);
  MatrixSize size = matrix_size(b, matrix);
  std::int64_t count = call.shape(tau_name).back().value();
  Value taus = b.unsqueeze(call.tensor(tau_name), {call.rank(tau_name)});
  Value rows = b.unsqueeze(affine_range(call, size.rows), {1});
  Argument zero = b.literal(0.0, b.dtype(matrix)), one = b.literal(1.0, b.dtype(matrix));
  Reflections result{matrix, {}, {}};
  for (std::int64_t step = 0; step < count; ++step) {
    Value here = b.constant(step, DType::kI64);
    Value column = matrix_columns(b, matrix, step, step + 1);
    Value tail = b.select(b.binary("gt", rows, here), column, zero);
    result.vectors.push_back(b.select(b.binary("eq", rows, here), one, tail));
    result.taus.push_back(matrix_rows(b, taus, step, step + 1));
  }
  return result;
}

void lower_householder_product(Call& call) {
  Builder& b = call.builder();
  bool is_orgqr = call.tape_call().op == "aten::orgqr";
  std::string_view matrix = is_orgqr ? "self" : "input";
  Reflections reflections = given_reflections(call, matrix, is_orgqr ? "input2" : "tau");
  MatrixSize size = matrix_size(b, reflections.reduced);
  Value start = identity_part(call, size.rows, size.columns, b.dtype(reflections.reduced));
  call.result(b.broadcast_to(apply_all(b, reflections, start, false), call.result_shape()));
}

void lower_ormqr(Call& call) {
  Builder& b = call.builder();
  Reflections reflections = given_reflections(call, "self", "input2");
  bool is_left = call.flag("left"), is_transposed = call.flag("transpose");
  Value other = call.tensor("input3");
  if (is_left) return call.result(apply_all(b, reflections, other, is_transposed));
  // other * Q = (Q^T * other^T)^T
  call.result(matrix_transposed(b, apply_all(b, reflections, matrix_transposed(b, other), !is_transposed)));
}

}  // namespace

void register_qr(Registry& registry) {
  static constexpr char kLimits[] = "static sizes up to 32";
  registry.add("aten::linalg_qr", lower_linalg_qr, kLimits);
  registry.add("aten::qr", lower_qr, kLimits);
  registry.add("aten::geqrf", lower_geqrf, kLimits);
  registry.add("aten::linalg_householder_product aten::orgqr", lower_householder_product, kLimits);
  registry.add("aten::ormqr", lower_ormqr, kLimits);
}

}  // namespace torch2nnef
