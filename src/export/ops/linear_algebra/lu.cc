// LU factors of a small matrix as LAPACK's getrf makes them: partial pivoting, the factors in one matrix, the row swaps
// as a list of numbers from 1.

#include <algorithm>

#include "export/ops/linear_algebra/linalg_steps.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

struct Factors {
  Value packed;               // [.., m, n]: U, and L below its diagonal of ones
  std::vector<Value> places;  // int64 [.., 1, 1]: the row that each step swaps with, from 0
  std::vector<Value> pivots;  // [.., 1, 1]
};

// The first largest of the rows from `step` on.
Value pivot_place(Call& call, Value column, Value numbers, std::int64_t step) {
  Builder& b = call.builder();
  Value is_left = b.binary("ge", numbers, b.constant(step, DType::kI64));
  Value candidates = b.select(is_left, b.unary("abs", column), b.literal(-1.0, b.dtype(column)));
  return b.reduce("argmax_reduce", candidates, {b.rank(column) - 2}, true);
}

Factors factorise(Call& call, Value matrix, bool is_pivoted) {
  Builder& b = call.builder();
  MatrixSize size = matrix_size(b, matrix);
  DType dtype = b.dtype(matrix);
  int row_axis = b.rank(matrix) - 2;
  Value rows = b.unsqueeze(affine_range(call, size.rows), {1}), columns = affine_range(call, size.columns);
  Argument zero = b.literal(0.0, dtype);
  Factors result{matrix, {}, {}};
  for (std::int64_t step = 0; step < std::min(size.rows, size.columns); ++step) {
    Value here = b.constant(step, DType::kI64);
    Value row = matrix_rows(b, result.packed, step, step + 1);
    if (is_pivoted) {
      Value place = pivot_place(call, matrix_columns(b, result.packed, step, step + 1), rows, step);
      Value is_pivot = b.binary("eq", rows, place);
      Value pivot_row = b.reduce("sum_reduce", b.select(is_pivot, result.packed, zero), {row_axis}, true);
      result.packed = b.select(b.binary("eq", rows, here), pivot_row, b.select(is_pivot, row, result.packed));
      result.places.push_back(place);
      row = pivot_row;
    }
    Value pivot = matrix_columns(b, row, step, step + 1);
    result.pivots.push_back(pivot);
    Value is_below = b.binary("gt", rows, here);
    Value column = matrix_columns(b, result.packed, step, step + 1);
    Value quotient = b.select(b.binary("eq", pivot, zero), column, b.binary("div", column, pivot));
    Value factor = b.select(is_below, quotient, zero);
    Value right = b.select(b.binary("gt", columns, here), row, zero);
    Value reduced = b.binary("sub", result.packed, b.binary("mul", factor, right));
    Value is_factor = b.binary("and", is_below, b.binary("eq", columns, here));
    result.packed = b.select(is_factor, factor, reduced);
  }
  return result;
}

// [.., k]
Value listed(Builder& b, const std::vector<Value>& items) {
  Value joined = b.concat(items, b.rank(items[0]) - 2);
  return b.squeeze(joined, {b.rank(joined) - 1});
}

// LAPACK's numbers of rows, from 1.
Value pivot_list(Call& call, const Factors& factors, std::size_t index) {
  Builder& b = call.builder();
  if (factors.places.empty()) {
    const Shape& shape = call.result_shape(index);
    Value numbers = affine_range(call, shape.back(), 1, 1);
    return b.cast(b.broadcast_to(numbers, shape), call.result_dtype(index));
  }
  Value numbers = b.binary("add", listed(b, factors.places), b.constant(std::int64_t{1}, DType::kI64));
  return b.cast(numbers, call.result_dtype(index));
}

bool is_pivoted(const Call& call) { return !call.tape_call().find("pivot") || call.flag("pivot"); }

void lower_factor(Call& call) {
  Value matrix = call.tensor(call.tape_call().find("A") ? "A" : "self");
  Factors factors = factorise(call, matrix, is_pivoted(call));
  if (call.wanted(0)) call.result(0, factors.packed);
  if (call.wanted(1)) call.result(1, pivot_list(call, factors, 1));
  if (call.result_count() > 2 && call.wanted(2)) call.result(2, first_zero(call, factors.pivots, 2));
}

// Where each row of the product comes from, int64 [.., 1, m]: the swaps done on 0, 1, 2, ...
Value permutation_of(Call& call, const std::vector<Value>& places, std::int64_t rows) {
  Builder& b = call.builder();
  Value numbers = b.unsqueeze(affine_range(call, rows), {0});
  Value order = numbers, zero = b.constant(std::int64_t{0}, DType::kI64);
  for (std::size_t step = 0; step < places.size(); ++step) {
    auto at = static_cast<std::int64_t>(step);
    Value is_place = b.binary("eq", numbers, places[step]);
    Value mine = matrix_columns(b, order, at, at + 1);
    Value other = b.reduce("sum_reduce", b.select(is_place, order, zero), {b.rank(is_place) - 1}, true);
    Value is_here = b.binary("eq", numbers, b.constant(at, DType::kI64));
    order = b.select(is_here, other, b.select(is_place, mine, order));
  }
  return order;
}

// P of P * L * U: a one at [order[j], j].
Value permutation_matrix(Call& call, const std::vector<Value>& places, std::int64_t rows, DType dtype,
                         const Shape& shape) {
  Builder& b = call.builder();
  Value numbers = b.unsqueeze(affine_range(call, rows), {1});
  Value is_one = b.binary("eq", numbers, permutation_of(call, places, rows));
  return b.broadcast_to(b.cast(is_one, dtype), shape);
}

// The part of a matrix below or above its diagonal; L has ones on it.
Value lower_factor_of(Call& call, Value packed) {
  Builder& b = call.builder();
  MatrixSize size = matrix_size(b, packed);
  std::int64_t shared = std::min(size.rows, size.columns);
  Value part = b.add("tract_core_trilu", {matrix_columns(b, packed, 0, shared)}, {{"upper", false}, {"k", -1}});
  Value rows = b.unsqueeze(affine_range(call, size.rows), {1}), columns = affine_range(call, shared);
  return b.select(b.binary("eq", rows, columns), b.literal(1.0, b.dtype(packed)), part);
}

Value upper_factor_of(Builder& b, Value packed) {
  MatrixSize size = matrix_size(b, packed);
  Value part = matrix_rows(b, packed, 0, std::min(size.rows, size.columns));
  return b.add("tract_core_trilu", {part}, {{"upper", true}, {"k", 0}});
}

void lower_lu(Call& call) {
  Builder& b = call.builder();
  Value matrix = call.tensor("A");
  Factors factors = factorise(call, matrix, is_pivoted(call));
  if (call.wanted(0)) {
    if (factors.places.empty()) throw Unsupported("the permutation of a factorisation without pivots");
    std::int64_t rows = matrix_size(b, matrix).rows;
    call.result(0, permutation_matrix(call, factors.places, rows, b.dtype(matrix), call.result_shape(0)));
  }
  if (call.wanted(1)) call.result(1, lower_factor_of(call, factors.packed));
  if (call.wanted(2)) call.result(2, upper_factor_of(b, factors.packed));
}

// The list of swaps, as int64 [.., 1, 1] from 0.
std::vector<Value> places_of(Call& call, std::string_view name) {
  Builder& b = call.builder();
  Value list = b.unsqueeze(call.tensor_as(name, DType::kI64), {call.rank(name)});
  list = b.binary("sub", list, b.constant(std::int64_t{1}, DType::kI64));
  std::vector<Value> places;
  std::int64_t count = call.shape(name).back().value();
  for (std::int64_t step = 0; step < count; ++step) places.push_back(matrix_rows(b, list, step, step + 1));
  return places;
}

void lower_unpack(Call& call) {
  Builder& b = call.builder();
  Value packed = call.tensor("LU_data");
  bool has_data = call.flag("unpack_data"), has_pivots = call.flag("unpack_pivots");
  auto empty = [&](std::size_t index) { return zeros(call, call.result_dtype(index), call.result_shape(index)); };
  if (call.wanted(0)) {
    std::int64_t rows = matrix_size(b, packed).rows;
    call.result(0, has_pivots ? permutation_matrix(call, places_of(call, "LU_pivots"), rows, b.dtype(packed),
                                                   call.result_shape(0))
                              : empty(0));
  }
  if (call.wanted(1)) call.result(1, has_data ? lower_factor_of(call, packed) : empty(1));
  if (call.wanted(2)) call.result(2, has_data ? upper_factor_of(b, packed) : empty(2));
}

// (P * L * U) * x = right, or its transpose U^T * L^T * P^T * x = right.
Value solve_factored(Call& call, Value packed, const std::vector<Value>& places, Value right, bool is_transposed) {
  Builder& b = call.builder();
  std::int64_t rows = system_size(b, packed);
  align_leading(b, packed, right);
  Shape square = b.shape(packed);
  Value permutation = permutation_matrix(call, places, rows, b.dtype(packed), square);
  if (!is_transposed) {
    Value x = matrix_product(b, matrix_transposed(b, permutation), right);
    x = solve_triangular(call, packed, x, false, true);
    return solve_triangular(call, packed, x, true, false);
  }
  Value turned = matrix_transposed(b, packed);
  Value x = solve_triangular(call, turned, right, false, false);
  x = solve_triangular(call, turned, x, true, true);
  return matrix_product(b, permutation, x);
}

void lower_linalg_lu_solve(Call& call) {
  Builder& b = call.builder();
  bool is_left = call.flag("left"), is_adjoint = call.flag("adjoint");
  Value right = call.tensor("B");
  if (!is_left) right = matrix_transposed(b, right);
  Value x = solve_factored(call, call.tensor("LU"), places_of(call, "pivots"), right, is_left == is_adjoint);
  call.result(is_left ? x : matrix_transposed(b, x));
}

void lower_old_lu_solve(Call& call) {
  call.result(solve_factored(call, call.tensor("LU_data"), places_of(call, "LU_pivots"), call.tensor("self"), false));
}

}  // namespace

void register_lu(Registry& registry) {
  static constexpr char kLimits[] = "static sizes up to 32";
  registry.add("aten::linalg_lu_factor aten::linalg_lu_factor_ex aten::_lu_with_info", lower_factor, kLimits);
  registry.add("aten::linalg_lu", lower_lu, kLimits);
  registry.add("aten::lu_unpack", lower_unpack, kLimits);
  registry.add("aten::linalg_lu_solve", lower_linalg_lu_solve, kLimits);
  registry.add("aten::lu_solve", lower_old_lu_solve, kLimits);
}

}  // namespace torch2nnef
