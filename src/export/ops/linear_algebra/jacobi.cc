#include "export/ops/linear_algebra/jacobi.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "export/ops/linear_algebra/linalg_steps.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/networks/iteration.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kLargestMatrix = 64;
// Each meets every pair once. The last ones converge quadratically: 64 columns need about 9.
constexpr std::int64_t kSweeps = 12;

// Columns are held in two halves; column i of the one meets column i of the other. Between rounds they move around like
// the players of a round-robin tournament, of which the first keeps its seat.
template <class Take, class Join>
auto next_seats(std::int64_t half, Take take, Join join) {
  if (half == 1) return join({take(0, 0, 1), take(1, 0, 1)});
  return join({take(0, 0, 1), take(1, 0, 1), take(0, 1, half - 1), take(1, 1, half), take(0, half - 1, half)});
}

// Which column sits where after all rounds.
std::vector<std::int64_t> last_seats(std::int64_t half) {
  std::vector<std::int64_t> seats(static_cast<std::size_t>(2 * half));
  std::iota(seats.begin(), seats.end(), 0);
  for (std::int64_t round = 0; round < kSweeps * (2 * half - 1); ++round) {
    auto take = [&](std::int64_t side, std::int64_t begin, std::int64_t end) {
      auto from = seats.begin() + side * half;
      return std::vector<std::int64_t>(from + begin, from + end);
    };
    seats = next_seats(half, take, [](std::initializer_list<std::vector<std::int64_t>> parts) {
      std::vector<std::int64_t> joined;
      for (const auto& part : parts) joined.insert(joined.end(), part.begin(), part.end());
      return joined;
    });
  }
  return seats;
}

struct Rotation {
  Value cosine, sine;
};

// The smaller of the two angles that make [[alpha, gamma], [gamma, beta]] diagonal.
Rotation rotation(Builder& b, Value one, Value alpha, Value beta, Value gamma) {
  Value zero = body_number(b, 0, DType::kF64);
  Value is_diagonal = b.binary("eq", gamma, zero);
  Value divisor = b.select(is_diagonal, one, b.binary("add", gamma, gamma));
  Value zeta = b.binary("div", b.binary("sub", beta, alpha), divisor);
  Value length = b.unary("sqrt", b.binary("add", b.binary("mul", zeta, zeta), one));
  Value size = b.unary("recip", b.binary("add", b.unary("abs", zeta), length));
  Value tangent = b.select(b.binary("lt", zeta, zero), b.unary("neg", size), size);
  tangent = b.select(is_diagonal, zero, tangent);
  Value cosine = b.unary("rsqrt", b.binary("add", b.binary("mul", tangent, tangent), one));
  return {cosine, b.binary("mul", cosine, tangent)};
}

// The two halves along an axis rotated against each other and moved to their next seats.
Value rotated(Builder& b, Value x, int axis, const Rotation& rotation) {
  std::int64_t half = b.shape(x)[static_cast<std::size_t>(axis)].value() / 2;
  Value p = b.slice(x, axis, 0, half), q = b.slice(x, axis, half, 2 * half);
  auto mixed = [&](Value first, Value second, const char* op) {
    return b.binary(op, b.binary("mul", rotation.cosine, first), b.binary("mul", rotation.sine, second));
  };
  const Value sides[] = {mixed(p, q, "sub"), mixed(q, p, "add")};
  auto take = [&](std::int64_t side, std::int64_t begin, std::int64_t end) {
    return begin == end ? Value{} : b.slice(sides[side], axis, begin, end);
  };
  return next_seats(half, take, [&](std::initializer_list<Value> parts) {
    std::vector<Value> given;
    for (Value part : parts) {
      if (part) given.push_back(part);
    }
    return b.concat(given, axis);
  });
}

// One round on columns `w` = matrix * v: makes the pairs orthogonal.
void one_sided_round(Builder& b, Value one, Value& w, Value& v) {
  int row_axis = b.rank(w) - 2, column_axis = b.rank(w) - 1;
  std::int64_t half = b.shape(w).back().value() / 2;
  Value p = b.slice(w, column_axis, 0, half), q = b.slice(w, column_axis, half, 2 * half);
  auto dot = [&](Value x, Value y) { return b.reduce("sum_reduce", b.binary("mul", x, y), {row_axis}, true); };
  Rotation turn = rotation(b, one, dot(p, p), dot(q, q), dot(p, q));
  w = rotated(b, w, column_axis, turn);
  v = rotated(b, v, column_axis, turn);
}

// One round on a symmetric matrix: makes the items that join the pairs zero.
void two_sided_round(Builder& b, Value one, Value& a, Value& v, Value identity) {
  int row_axis = b.rank(a) - 2, column_axis = b.rank(a) - 1;
  std::int64_t half = b.shape(a).back().value() / 2;
  auto diagonal = [&](std::int64_t row, std::int64_t column) {
    Value block = b.slice(b.slice(a, row_axis, row, row + half), column_axis, column, column + half);
    return b.reduce("sum_reduce", b.binary("mul", block, identity), {row_axis}, true);  // [.., 1, half]
  };
  Rotation turn = rotation(b, one, diagonal(0, 0), diagonal(half, half), diagonal(0, half));
  a = rotated(b, a, column_axis, turn);
  v = rotated(b, v, column_axis, turn);
  a = rotated(b, a, row_axis, {matrix_transposed(b, turn.cosine), matrix_transposed(b, turn.sine)});
}

struct Rotated {
  Value matrix, vectors;
};

Rotated run_rounds(Call& call, Value matrix, Value vectors, std::optional<Value> identity) {
  Iteration iteration;
  iteration.name = identity ? "eigen_round" : "singular_round";
  iteration.rounds = kSweeps * (call.builder().shape(matrix).back().value() - 1);
  if (identity) iteration.fixed.emplace_back("identity", *identity);
  iteration.states = {{"matrix", matrix}, {"vectors", vectors}};
  auto round = [](Builder& b, Value one, std::vector<Value> fixed, std::vector<Value> states) {
    if (fixed.empty()) {
      one_sided_round(b, one, states[0], states[1]);
    } else {
      two_sided_round(b, one, states[0], states[1], fixed[0]);
    }
    return states;
  };
  std::vector<Value> results = iterate(call, iteration, matrix, round);
  return {results.at(0), results.at(1)};
}

// Zeros behind the last row or column.
Value with_zeros(Call& call, Value x, int axis, std::int64_t count) {
  if (count == 0) return x;
  Builder& b = call.builder();
  Shape shape = b.shape(x);
  shape[static_cast<std::size_t>(axis)] = count;
  return b.concat({x, zeros(call, b.dtype(x), shape)}, axis);
}

// The column that was added to an even number of them, taken out of its last seat.
Value without_seat(Builder& b, Value x, int axis, std::int64_t seat) {
  std::int64_t size = b.shape(x)[static_cast<std::size_t>(axis)].value();
  std::vector<Value> parts;
  if (seat > 0) parts.push_back(b.slice(x, axis, 0, seat));
  if (seat + 1 < size) parts.push_back(b.slice(x, axis, seat + 1, size));
  return b.concat(parts, axis);
}

std::int64_t seat_of_last(std::int64_t half) {
  std::vector<std::int64_t> seats = last_seats(half);
  return std::find(seats.begin(), seats.end(), 2 * half - 1) - seats.begin();
}

void check_size(const Builder& b, Value matrix) {
  const Shape& shape = b.shape(matrix);
  if (shape.size() < 2)
    throw Unsupported("a tensor of rank " + std::to_string(shape.size()) + ", which is not a matrix");
  for (std::size_t axis = shape.size() - 2; axis < shape.size(); ++axis) {
    std::int64_t size = shape[axis].value();
    if (size < 1 || size > kLargestMatrix) {
      throw Unsupported("singular values or eigenvalues of a matrix of size " + std::to_string(size) +
                        ": they are computed up to " + std::to_string(kLargestMatrix));
    }
  }
}

// Columns in the order of `values` [.., n]; `indices` is that order.
Value ordered(Builder& b, Value columns, Value indices, Value numbers) {
  Value is_at = b.binary("eq", b.unsqueeze(numbers, {1}), b.unsqueeze(indices, {b.rank(indices) - 1}));
  return matrix_product(b, columns, b.cast(is_at, DType::kF64));
}

struct Order {
  Value values, indices;
};

Order sorted(Call& call, Value values, bool is_descending) {
  Builder& b = call.builder();
  std::vector<Value> results = b.add_multi("tract_core_topk", {values, Argument(b.shape(values).back())},
                                           {{"axis", b.rank(values) - 1}, {"largest", is_descending}});
  return {results.at(0), results.at(1)};
}

}  // namespace

SingularSystem singular_system(Call& call, Value matrix) {
  Builder& b = call.builder();
  check_size(b, matrix);
  matrix = b.cast(matrix, DType::kF64);
  const Shape shape = b.shape(matrix);
  int rank = b.rank(matrix);
  std::int64_t columns = shape.back().value();
  if (shape[shape.size() - 2].value() < columns) {
    SingularSystem turned = singular_system(call, matrix_transposed(b, matrix));
    return {turned.v, turned.values, turned.u};
  }
  std::int64_t half = (columns + 1) / 2, added = 2 * half - columns;
  Value unit = identity_matrix(call, 2 * half, DType::kF64);
  Shape square = shape;
  square[square.size() - 2] = square.back() = 2 * half;
  Rotated end = run_rounds(call, with_zeros(call, matrix, rank - 1, added), b.broadcast_to(unit, square), {});
  if (added > 0) {
    std::int64_t seat = seat_of_last(half);
    end = {without_seat(b, end.matrix, rank - 1, seat), without_seat(b, end.vectors, rank - 1, seat)};
    end.vectors = matrix_rows(b, end.vectors, 0, columns);
  }
  Value squares = b.reduce("sum_reduce", b.binary("mul", end.matrix, end.matrix), {rank - 2}, false);
  Order order = sorted(call, b.unary("sqrt", squares), true);
  Value numbers = affine_range(call, columns);
  Value products = ordered(b, end.matrix, order.indices, numbers);
  Value lengths = b.unsqueeze(order.values, {rank - 2});
  Value is_zero = b.binary("eq", lengths, b.literal(0.0, DType::kF64));
  Value u = b.binary("div", products, b.select(is_zero, b.literal(1.0, DType::kF64), lengths));
  return {u, order.values, ordered(b, end.vectors, order.indices, numbers)};
}

EigenSystem eigen_system(Call& call, Value symmetric) {
  Builder& b = call.builder();
  check_size(b, symmetric);
  symmetric = b.cast(symmetric, DType::kF64);
  int rank = b.rank(symmetric);
  std::int64_t size = b.shape(symmetric).back().value(), half = (size + 1) / 2, added = 2 * half - size;
  Value padded = with_zeros(call, with_zeros(call, symmetric, rank - 1, added), rank - 2, added);
  Value unit = identity_matrix(call, 2 * half, DType::kF64), small = identity_matrix(call, half, DType::kF64);
  Rotated end = run_rounds(call, padded, b.broadcast_to(unit, b.shape(padded)), b.align_rank(small, rank));
  Value diagonal = b.reduce("sum_reduce", b.binary("mul", end.matrix, unit), {rank - 2}, false);
  if (added > 0) {
    std::int64_t seat = seat_of_last(half);
    diagonal = without_seat(b, diagonal, rank - 2, seat);
    end.vectors = matrix_rows(b, without_seat(b, end.vectors, rank - 1, seat), 0, size);
  }
  Order order = sorted(call, diagonal, false);
  return {order.values, ordered(b, end.vectors, order.indices, affine_range(call, size))};
}

}  // namespace torch2nnef
