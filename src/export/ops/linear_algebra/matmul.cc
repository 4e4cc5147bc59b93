// Matrix and vector products, and what is added to them.

#include <algorithm>
#include <numeric>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

Value operand(Call& call, std::string_view name) { return call.tensor_as(name, call.result_dtype()); }

// The names of the two factors under the schemas' several spellings.
std::string_view second_name(const Call& call) {
  for (std::string_view name : {"other", "mat2", "vec", "vec2", "tensor"}) {
    if (call.tape_call().find(name)) return name;
  }
  throw Unsupported("a product whose second factor has no known name");
}

void lower_matmul(Call& call) {
  call.result(matmul(call.builder(), operand(call, "self"), operand(call, second_name(call))));
}

// Vectors: elementwise product and sum, which is what a dot product of integers needs too.
void lower_dot(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype(), wide = arithmetic_type(dtype);
  Value product = b.binary("mul", b.cast(operand(call, "self"), wide), b.cast(operand(call, second_name(call)), wide));
  call.result(b.cast(sum_over(b, product, {{0}, false}), dtype));
}

void lower_linear(Call& call) {
  DType dtype = call.result_dtype();
  std::optional<Value> bias;
  if (call.has("bias")) bias = operand(call, "bias");
  call.result(linear(call.builder(), call.tensor_as("input", dtype), operand(call, "weight"), bias));
}

// --- beta * self + alpha * (a product) ---

bool is_one(Call& call, std::string_view name) { return !call.has(name) || call.number(name) == 1; }

Value scaled(Call& call, Value x, std::string_view name) {
  if (is_one(call, name)) return x;
  return call.builder().binary("mul", x, scalar_value(call, name, call.builder().dtype(x)));
}

// With beta = 0 torch does not look at self, whatever stands in it.
void add_product(Call& call, Value product) {
  Builder& b = call.builder();
  product = scaled(call, product, "alpha");
  if (!is_one(call, "beta") && call.number("beta") == 0) {
    return call.result(b.broadcast_to(product, call.result_shape()));
  }
  call.result(b.binary("add", scaled(call, operand(call, "self"), "beta"), product));
}

void lower_addmm(Call& call) {
  add_product(call, matmul(call.builder(), operand(call, "mat1"), operand(call, "mat2")));
}
void lower_addmv(Call& call) { add_product(call, matmul(call.builder(), operand(call, "mat"), operand(call, "vec"))); }
void lower_baddbmm(Call& call) {
  add_product(call, matmul(call.builder(), operand(call, "batch1"), operand(call, "batch2")));
}
void lower_addbmm(Call& call) {
  Builder& b = call.builder();
  // Summing over the batch too is a contraction over two letters.
  Value product = contract(b, {operand(call, "batch1"), operand(call, "batch2")}, {{0, 1, 2}, {0, 2, 3}}, {1, 3});
  add_product(call, product);
}

Value outer(Builder& b, Value x, Value y) { return b.binary("mul", b.unsqueeze(x, {1}), b.unsqueeze(y, {0})); }

void lower_addr(Call& call) { add_product(call, outer(call.builder(), operand(call, "vec1"), operand(call, "vec2"))); }

void lower_outer(Call& call) {
  call.result(outer(call.builder(), operand(call, "self"), operand(call, second_name(call))));
}

// --- products over other axes ---

// Letters for the axes of a tensor, counted from `first`.
Letters fresh_letters(int rank, int first) {
  Letters letters(static_cast<std::size_t>(rank));
  std::iota(letters.begin(), letters.end(), first);
  return letters;
}

// The axes `axes_x` of x against `axes_y` of y; the others in order.
void contract_axes(Call& call, std::string_view y_name, const std::vector<int>& axes_x,
                   const std::vector<int>& axes_y) {
  Builder& b = call.builder();
  Value x = operand(call, "self"), y = operand(call, y_name);
  Letters of_x = fresh_letters(b.rank(x), 0), of_y = fresh_letters(b.rank(y), b.rank(x)), result;
  for (std::size_t i = 0; i < axes_x.size(); ++i) {
    of_y.at(static_cast<std::size_t>(axes_y.at(i))) = of_x.at(static_cast<std::size_t>(axes_x[i]));
  }
  for (const auto& [own, other] : {std::pair(&of_x, &of_y), std::pair(&of_y, &of_x)}) {
    for (int letter : *own) {
      if (std::find(other->begin(), other->end(), letter) == other->end()) result.push_back(letter);
    }
  }
  call.result(contract(b, {x, y}, {of_x, of_y}, result));
}

void lower_tensordot(Call& call) {
  std::vector<int> axes_x, axes_y;
  for (std::int64_t axis : call.integers("dims_self")) axes_x.push_back(wrap_axis(axis, call.rank("self")));
  for (std::int64_t axis : call.integers("dims_other")) axes_y.push_back(wrap_axis(axis, call.rank("other")));
  contract_axes(call, "other", axes_x, axes_y);
}

void lower_inner(Call& call) {
  Builder& b = call.builder();
  int rank_x = call.rank("self"), rank_y = call.rank("other");
  if (rank_x == 0 || rank_y == 0) return call.result(b.binary("mul", operand(call, "self"), operand(call, "other")));
  contract_axes(call, "other", {rank_x - 1}, {rank_y - 1});
}

void lower_vecdot(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype(), wide = arithmetic_type(dtype);
  Value product = b.binary("mul", b.cast(call.tensor_as("x", dtype), wide), b.cast(call.tensor_as("y", dtype), wide));
  call.result(b.cast(sum_over(b, product, {{call.axis("dim", b.rank(product))}, false}), dtype));
}

// Every item of self times the whole of other.
void lower_kron(Call& call) {
  Builder& b = call.builder();
  Value x = operand(call, "self"), y = operand(call, "other");
  int rank = std::max(b.rank(x), b.rank(y));
  x = b.align_rank(x, rank);
  y = b.align_rank(y, rank);
  std::vector<int> odd, even;
  for (int axis = 0; axis < rank; ++axis) {
    even.push_back(2 * axis);
    odd.push_back(2 * axis + 1);
  }
  call.result(reshape_to(call, b.binary("mul", b.unsqueeze(x, odd), b.unsqueeze(y, even)), call.result_shape()));
}

void lower_multi_dot(Call& call) {
  Builder& b = call.builder();
  std::vector<Value> factors = call.tensors(call.tape_call().find("matrices") ? "matrices" : "tensors");
  Value product = factors.at(0);
  for (std::size_t i = 1; i < factors.size(); ++i) product = matmul(b, product, factors[i]);
  call.result(product);
}

void lower_matrix_power(Call& call) {
  Builder& b = call.builder();
  std::int64_t power = call.integer("n");
  if (power < 0) throw Unsupported("a negative matrix power, which needs an inverse");
  Value x = call.tensor("self");
  if (power == 0) {
    Dim size = b.shape(x).back();
    Value rows = b.unsqueeze(affine_range(call, size), {1}), columns = b.unsqueeze(affine_range(call, size), {0});
    Value unit = b.cast(b.binary("eq", rows, columns), b.dtype(x));
    return call.result(b.broadcast_to(unit, call.result_shape()));
  }
  std::optional<Value> product;
  for (; power > 0; power /= 2) {
    if (power % 2 == 1) product = product ? matrix_product(b, *product, x) : x;
    if (power > 1) x = matrix_product(b, x, x);
  }
  call.result(*product);
}

// y[.., o] = sum over i and j of x1[.., i] * weight[o, i, j] * x2[.., j] + bias[o]
void lower_bilinear(Call& call) {
  Builder& b = call.builder();
  Value x1 = call.tensor("input1"), x2 = call.tensor("input2");
  int lead = b.rank(x1) - 1;
  Letters batch = fresh_letters(lead, 3), of_x1 = batch, of_x2 = batch, result = batch;
  of_x1.push_back(0);
  of_x2.push_back(1);
  result.push_back(2);
  Value y = contract(b, {x1, call.tensor("weight"), x2}, {of_x1, {2, 0, 1}, of_x2}, result);
  call.result(call.has("bias") ? b.binary("add", y, call.tensor("bias")) : y);
}

// a1 * b2 - a2 * b1 and its rotations: the axis of 3 rolled by one and by two.
void lower_cross(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  Value x = b.broadcast_to(operand(call, "self"), call.result_shape());
  Value y = b.broadcast_to(operand(call, "other"), call.result_shape());
  int axis = 0;
  if (call.has("dim")) {
    axis = call.axis("dim", b.rank(x));
  } else {
    while (b.shape(x).at(static_cast<std::size_t>(axis)) != Dim(3)) ++axis;
  }
  auto rolled = [&](Value value, int by) {
    return b.concat({b.slice(value, axis, by, 3), b.slice(value, axis, 0, by)}, axis);
  };
  Value forward = b.binary("mul", rolled(x, 1), rolled(y, 2));
  Value backward = b.binary("mul", rolled(x, 2), rolled(y, 1));
  call.result(b.cast(b.binary("sub", forward, backward), dtype));
}

}  // namespace

void register_matmul(Registry& registry) {
  registry.add("aten::matmul aten::linalg_matmul aten::mm aten::bmm aten::mv", lower_matmul);
  registry.add("aten::dot aten::vdot", lower_dot);
  registry.add("aten::linear", lower_linear);
  registry.add("aten::addmm", lower_addmm);
  registry.add("aten::addmv", lower_addmv);
  registry.add("aten::baddbmm", lower_baddbmm);
  registry.add("aten::addbmm", lower_addbmm);
  registry.add("aten::addr", lower_addr);
  registry.add("aten::outer aten::ger", lower_outer);
  registry.add("aten::tensordot", lower_tensordot);
  registry.add("aten::inner", lower_inner);
  registry.add("aten::linalg_vecdot", lower_vecdot);
  registry.add("aten::kron", lower_kron);
  registry.add("aten::chain_matmul aten::linalg_multi_dot", lower_multi_dot);
  registry.add("aten::matrix_power aten::linalg_matrix_power", lower_matrix_power);
  registry.add("aten::bilinear", lower_bilinear);
  registry.add("aten::cross aten::linalg_cross", lower_cross);
}

}  // namespace torch2nnef
