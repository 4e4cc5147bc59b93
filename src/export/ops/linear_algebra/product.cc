#include "export/ops/linear_algebra/product.h"

#include <algorithm>
#include <numeric>

#include "export/ops/reduction/integer_sum.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/widened.h"

namespace torch2nnef {
namespace {

bool contains(const Letters& letters, int letter) {
  return std::find(letters.begin(), letters.end(), letter) != letters.end();
}

// An operand of a contraction: a tensor and the letters of its axes.
struct Operand {
  Value x;
  Letters letters;

  int axis_of(int letter) const {
    return static_cast<int>(std::find(letters.begin(), letters.end(), letter) - letters.begin());
  }
};

Dim size_of(const Builder& b, const Operand& operand, int letter) {
  return b.shape(operand.x).at(static_cast<std::size_t>(operand.axis_of(letter)));
}

// Sums over the letters that are not `needed`.
Operand summed(Builder& b, const Operand& operand, const Letters& needed) {
  Operand result;
  std::vector<int> axes;
  for (std::size_t axis = 0; axis < operand.letters.size(); ++axis) {
    if (contains(needed, operand.letters[axis])) {
      result.letters.push_back(operand.letters[axis]);
    } else {
      axes.push_back(static_cast<int>(axis));
    }
  }
  result.x = axes.empty() ? operand.x : sum_over(b, operand.x, {axes, false});
  return result;
}

// The axes of the operand in the order of `letters`, which hold all of its own; axes of 1 for those it lacks.
Value arranged(Builder& b, const Operand& operand, const Letters& letters) {
  std::vector<int> order, missing;
  for (std::size_t place = 0; place < letters.size(); ++place) {
    if (contains(operand.letters, letters[place])) {
      order.push_back(operand.axis_of(letters[place]));
    } else {
      missing.push_back(static_cast<int>(place));
    }
  }
  return b.unsqueeze(b.transpose(operand.x, order), missing);
}

// The letters of two operands by their part in a matrix product.
struct Roles {
  Letters batch, left, right, contracted;
};

// A letter whose extent is 1 on one side only is broadcast: that side loses the axis.
void drop_broadcast(Builder& b, Operand& one, const Operand& other) {
  Operand kept;
  std::vector<int> axes;
  for (int letter : one.letters) {
    bool is_broadcast =
        contains(other.letters, letter) && size_of(b, one, letter) == Dim(1) && size_of(b, other, letter) != Dim(1);
    if (is_broadcast) {
      axes.push_back(one.axis_of(letter));
    } else {
      kept.letters.push_back(letter);
    }
  }
  kept.x = b.squeeze(one.x, axes);
  one = std::move(kept);
}

Roles roles_of(const Operand& x, const Operand& y, const Letters& needed) {
  Roles roles;
  for (int letter : x.letters) {
    if (!contains(y.letters, letter)) {
      roles.left.push_back(letter);
    } else if (contains(needed, letter)) {
      roles.batch.push_back(letter);
    } else {
      roles.contracted.push_back(letter);
    }
  }
  for (int letter : y.letters) {
    if (!contains(x.letters, letter)) roles.right.push_back(letter);
  }
  return roles;
}

Shape sizes(const Builder& b, const Operand& operand, const Letters& letters) {
  Shape shape;
  for (int letter : letters) shape.push_back(size_of(b, operand, letter));
  return shape;
}

Shape joined(std::initializer_list<Shape> parts) {
  Shape shape;
  for (const Shape& part : parts) shape.insert(shape.end(), part.begin(), part.end());
  return shape;
}

Letters joined(std::initializer_list<Letters> parts) {
  Letters letters;
  for (const Letters& part : parts) letters.insert(letters.end(), part.begin(), part.end());
  return letters;
}

// Two operands become one; letters that are not needed later are summed over.
Operand pair_product(Builder& b, Operand x, Operand y, const Letters& needed) {
  drop_broadcast(b, x, y);
  drop_broadcast(b, y, x);
  x = summed(b, x, joined({needed, y.letters}));
  y = summed(b, y, joined({needed, x.letters}));
  Roles roles = roles_of(x, y, needed);
  Letters letters = joined({roles.batch, roles.left, roles.right});
  if (roles.contracted.empty()) return {b.binary("mul", arranged(b, x, letters), arranged(b, y, letters)), letters};
  Shape batch = sizes(b, x, roles.batch), left = sizes(b, x, roles.left), right = sizes(b, y, roles.right);
  Dim inner = nnef::volume(sizes(b, x, roles.contracted));
  Value matrix_x = arranged(b, x, joined({roles.batch, roles.left, roles.contracted}));
  Value matrix_y = arranged(b, y, joined({roles.batch, roles.right, roles.contracted}));
  matrix_x = b.reshape(matrix_x, joined({batch, {nnef::volume(left), inner}}));
  matrix_y = b.reshape(matrix_y, joined({batch, {nnef::volume(right), inner}}));
  Value product = matrix_product(b, matrix_x, matrix_y, true);
  return {b.reshape(product, joined({batch, left, right})), letters};
}

Shape product_shape(const Shape& x, const Shape& y, bool transpose_y) {
  Shape shape = nnef::broadcast({x.begin(), x.end() - 2}, {y.begin(), y.end() - 2});
  shape.push_back(x.end()[-2]);
  shape.push_back(transpose_y ? y.end()[-2] : y.back());
  return shape;
}

}  // namespace

Value matrix_product(Builder& b, Value x, Value y, bool transpose_y) {
  const DType dtype = b.dtype(x), wide = arithmetic_type(dtype);
  int rank = std::max(b.rank(x), b.rank(y));
  x = b.align_rank(x, rank);
  y = b.align_rank(y, rank);
  const Shape shape = product_shape(b.shape(x), b.shape(y), transpose_y);
  x = b.cast(without_repeats(b, x, 1), wide);
  y = b.cast(without_repeats(b, y, 2), wide);
  Value product = nnef::is_integer(dtype)
                      ? integer_matrix_product(b, x, y, transpose_y)
                      : b.add("matmul", {x, y}, {{"transposeA", false}, {"transposeB", transpose_y}});
  return b.broadcast_to(b.cast(product, dtype), shape);
}

Value matmul(Builder& b, Value x, Value y) {
  bool is_row = b.rank(x) == 1, is_column = b.rank(y) == 1;
  if (is_row) x = b.unsqueeze(x, {0});
  if (is_column) y = b.unsqueeze(y, {1});
  Value product = matrix_product(b, x, y);
  int rank = b.rank(product);
  std::vector<int> added;
  if (is_row) added.push_back(rank - 2);
  if (is_column) added.push_back(rank - 1);
  return b.squeeze(product, added);
}

Value linear(Builder& b, Value x, Value weight, std::optional<Value> bias) {
  bool is_row = b.rank(x) == 1, is_vector = b.rank(weight) == 1;
  if (is_row) x = b.unsqueeze(x, {0});
  if (is_vector) weight = b.unsqueeze(weight, {0});
  Value product = matrix_product(b, x, weight, true);
  int rank = b.rank(product);
  if (is_vector) product = b.squeeze(product, {rank - 1});
  if (is_row) product = b.squeeze(product, {rank - 2});
  return bias ? b.binary("add", product, *bias) : product;
}

Value contract(Builder& b, std::vector<Value> operands, std::vector<Letters> letters, const Letters& result) {
  Operand total{operands.at(0), letters.at(0)};
  for (std::size_t i = 1; i < operands.size(); ++i) {
    Letters needed = result;
    for (std::size_t later = i + 1; later < operands.size(); ++later) {
      needed.insert(needed.end(), letters[later].begin(), letters[later].end());
    }
    total = pair_product(b, total, {operands[i], letters[i]}, needed);
  }
  return arranged(b, summed(b, total, result), result);
}

}  // namespace torch2nnef
