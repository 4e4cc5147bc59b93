#include "export/ops/linear_algebra/linalg_steps.h"

#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kLargestSystem = 32;

// [n, 1]: the numbers of the rows.
Value row_numbers(Call& call, std::int64_t size) { return call.builder().unsqueeze(affine_range(call, size), {1}); }

}  // namespace

Value matrix_rows(Builder& b, Value x, std::int64_t begin, std::int64_t end) {
  return b.slice(x, b.rank(x) - 2, begin, end);
}

Value matrix_columns(Builder& b, Value x, std::int64_t begin, std::int64_t end) {
  return b.slice(x, b.rank(x) - 1, begin, end);
}

Value matrix_transposed(Builder& b, Value x) {
  std::vector<int> order;
  for (int axis = 0; axis < b.rank(x); ++axis) order.push_back(axis);
  std::swap(order[order.size() - 2], order[order.size() - 1]);
  return b.transpose(x, order);
}

MatrixSize matrix_size(const Builder& b, Value matrix) {
  const Shape& shape = b.shape(matrix);
  if (shape.size() < 2)
    throw Unsupported("a tensor of rank " + std::to_string(shape.size()) + ", which is not a matrix");
  MatrixSize size{shape[shape.size() - 2].value(), shape.back().value()};
  for (std::int64_t one : {size.rows, size.columns}) {
    if (one < 1 || one > kLargestSystem) {
      throw Unsupported("a matrix of " + std::to_string(size.rows) + " x " + std::to_string(size.columns) +
                        ": they are worked on step by step, written out, up to " + std::to_string(kLargestSystem));
    }
  }
  return size;
}

std::int64_t system_size(const Builder& b, Value matrix) {
  MatrixSize size = matrix_size(b, matrix);
  if (size.rows != size.columns) throw Unsupported("a matrix that is not square");
  return size.rows;
}

void align_leading(Builder& b, Value& matrix, Value& right) {
  Shape left(b.shape(matrix).begin(), b.shape(matrix).end() - 2),
      other(b.shape(right).begin(), b.shape(right).end() - 2);
  Shape lead = nnef::broadcast(left, other), of_matrix = lead, of_right = lead;
  of_matrix.insert(of_matrix.end(), b.shape(matrix).end() - 2, b.shape(matrix).end());
  of_right.insert(of_right.end(), b.shape(right).end() - 2, b.shape(right).end());
  matrix = b.broadcast_to(matrix, of_matrix);
  right = b.broadcast_to(right, of_right);
}

Value first_zero(Call& call, const std::vector<Value>& pivots, std::size_t index) {
  Builder& b = call.builder();
  Value info = b.constant(std::int64_t{0}, DType::kI64);
  for (std::size_t step = pivots.size(); step-- > 0;) {
    Value is_zero = b.binary("eq", pivots[step], b.literal(0.0, b.dtype(pivots[step])));
    info = b.select(is_zero, b.constant(static_cast<std::int64_t>(step) + 1, DType::kI64), info);
  }
  return b.cast(b.squeeze(info, {b.rank(info) - 2, b.rank(info) - 1}), call.result_dtype(index));
}

Value identity_matrix(Call& call, std::int64_t size, DType dtype) {
  Builder& b = call.builder();
  Value numbers = affine_range(call, size);
  return b.cast(b.binary("eq", b.unsqueeze(numbers, {1}), b.unsqueeze(numbers, {0})), dtype);
}

Eliminated eliminate(Call& call, Value matrix, std::optional<Value> right) {
  Builder& b = call.builder();
  DType dtype = b.dtype(matrix);
  std::int64_t size = system_size(b, matrix);
  int rank = b.rank(matrix);
  Value work = right ? b.concat({matrix, *right}, rank - 1) : matrix;
  Value numbers = row_numbers(call, size);
  Argument zero = b.literal(0.0, dtype), one = b.literal(1.0, dtype);
  Eliminated result;
  for (std::int64_t step = 0; step < size; ++step) {
    Value here = b.constant(step, DType::kI64);
    Value is_here = b.binary("eq", numbers, here);
    Value candidates = b.unary("abs", matrix_columns(b, work, step, step + 1));
    candidates = b.select(b.binary("ge", numbers, here), candidates, b.literal(-1.0, dtype));
    Value place = b.reduce("argmax_reduce", candidates, {rank - 2}, true);
    Value is_pivot = b.binary("eq", numbers, place);
    Value pivot_row = b.reduce("sum_reduce", b.select(is_pivot, work, zero), {rank - 2}, true);
    work = b.select(is_here, pivot_row, b.select(is_pivot, matrix_rows(b, work, step, step + 1), work));
    Value swap = b.select(b.binary("eq", place, here), b.constant(1.0, dtype), b.constant(-1.0, dtype));
    result.sign = step == 0 ? swap : b.binary("mul", result.sign, swap);
    result.pivots.push_back(matrix_columns(b, pivot_row, step, step + 1));
    Value factor = b.binary("div", matrix_columns(b, work, step, step + 1), result.pivots.back());
    work = b.binary("sub", work, b.binary("mul", b.select(is_here, zero, factor), pivot_row));
  }
  if (right) {
    Value diagonal = b.concat(result.pivots, rank - 2);
    result.solution = b.binary("div", matrix_columns(b, work, size, b.shape(work).back().value()), diagonal);
  }
  return result;
}

Value solve_triangular(Call& call, Value matrix, Value right, bool is_upper, bool is_unit) {
  Builder& b = call.builder();
  std::int64_t size = system_size(b, matrix);
  std::vector<Value> known;  // rows of the solution, in the order of the matrix
  for (std::int64_t step = 0; step < size; ++step) {
    std::int64_t row = is_upper ? size - 1 - step : step;
    Value x = matrix_rows(b, right, row, row + 1);
    Value line = matrix_rows(b, matrix, row, row + 1);
    if (!known.empty()) {
      Value factors = is_upper ? matrix_columns(b, line, row + 1, size) : matrix_columns(b, line, 0, row);
      x = b.binary("sub", x, matrix_product(b, factors, b.concat(known, b.rank(known[0]) - 2)));
    }
    if (!is_unit) x = b.binary("div", x, matrix_columns(b, line, row, row + 1));
    known.insert(is_upper ? known.begin() : known.end(), x);
  }
  return b.concat(known, b.rank(known[0]) - 2);
}

Value cholesky(Call& call, Value matrix) {
  Builder& b = call.builder();
  std::int64_t size = system_size(b, matrix);
  int rank = b.rank(matrix);
  Value numbers = row_numbers(call, size);
  std::vector<Value> done;  // columns of L
  for (std::int64_t step = 0; step < size; ++step) {
    Value column = matrix_columns(b, matrix, step, step + 1);
    if (!done.empty()) {
      Value left = b.concat(done, rank - 1);
      column =
          b.binary("sub", column, matrix_product(b, left, matrix_transposed(b, matrix_rows(b, left, step, step + 1))));
    }
    column = b.binary("div", column, b.unary("sqrt", matrix_rows(b, column, step, step + 1)));
    Value is_below = b.binary("ge", numbers, b.constant(step, DType::kI64));
    done.push_back(b.select(is_below, column, b.literal(0.0, b.dtype(matrix))));
  }
  return b.concat(done, rank - 1);
}

}  // namespace torch2nnef
