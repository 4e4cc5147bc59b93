// Norms of vectors and matrices, and distances made of them.

#include <cmath>
#include <limits>

#include "export/ops/linear_algebra/spectral.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

Value floating(Call& call, std::string_view name) { return call.tensor_as(name, arithmetic_type(call.result_dtype())); }

void set_result(Call& call, Value y) { call.result(call.builder().cast(y, call.result_dtype())); }

void lower_norm(Call& call) {
  double order = call.has("p") ? call.number("p") : 2;
  set_result(call, vector_norm(call.builder(), floating(call, "self"), order, reduction_of(call)));
}

void lower_vector_norm(Call& call) {
  set_result(call, vector_norm(call.builder(), floating(call, "self"), call.number("ord"), reduction_of(call)));
}

void lower_frobenius_norm(Call& call) {
  set_result(call, vector_norm(call.builder(), floating(call, "self"), 2, reduction_of(call)));
}

// The largest or smallest sum of sizes along the first of two axes; orders 2 and -2 are singular values.
Value matrix_norm(Call& call, double order, int row_axis, int column_axis, bool keepdim) {
  Builder& b = call.builder();
  if (std::abs(order) == 2) {
    return singular_norm(call, floating(call, "self"), order > 0 ? "2" : "-2", row_axis, column_axis, keepdim);
  }
  if (std::abs(order) != 1 && !std::isinf(order)) {
    throw Unsupported("a matrix norm of order " + std::to_string(order));
  }
  int summed = std::isinf(order) ? column_axis : row_axis;
  int kept = std::isinf(order) ? row_axis : column_axis;
  Value sums = b.reduce("sum_reduce", b.unary("abs", floating(call, "self")), {summed}, true);
  Value y = b.reduce(order > 0 ? "max_reduce" : "min_reduce", sums, {kept}, true);
  return keepdim ? y : b.squeeze(y, {row_axis, column_axis});
}

void lower_matrix_norm(Call& call) {
  int rank = call.rank("self");
  Reduction reduction = reduction_of(call);
  const TapeArgument* order = call.tape_call().find("ord");
  std::vector<std::int64_t> axes = call.integers("dim");
  if (axes.size() != 2) throw Unsupported("a matrix norm over other than two axes");
  if (order && std::holds_alternative<std::string>(order->is)) {
    if (call.text("ord") == "nuc") {
      return set_result(call, singular_norm(call, floating(call, "self"), "nuc", wrap_axis(axes[0], rank),
                                            wrap_axis(axes[1], rank), reduction.keepdim));
    }
    return set_result(call, vector_norm(call.builder(), floating(call, "self"), 2, reduction));
  }
  set_result(call, matrix_norm(call, call.number("ord"), wrap_axis(axes[0], rank), wrap_axis(axes[1], rank),
                               reduction.keepdim));
}

// A vector norm over one axis or over everything, a matrix norm over two.
void lower_linalg_norm(Call& call) {
  int rank = call.rank("self");
  Reduction reduction = reduction_of(call);
  if (!call.has("ord")) return set_result(call, vector_norm(call.builder(), floating(call, "self"), 2, reduction));
  if (reduction.axes.size() == 2 && call.has("dim")) return lower_matrix_norm(call);
  if (std::holds_alternative<std::string>(call.tape_call().find("ord")->is)) {
    if (call.text("ord") == "nuc") {
      return set_result(call, singular_norm(call, floating(call, "self"), "nuc", 0, 1, reduction.keepdim));
    }
    return set_result(call, vector_norm(call.builder(), floating(call, "self"), 2, reduction));
  }
  if (!call.has("dim") && rank == 2) {
    return set_result(call, matrix_norm(call, call.number("ord"), 0, 1, reduction.keepdim));
  }
  set_result(call, vector_norm(call.builder(), floating(call, "self"), call.number("ord"), reduction));
}

void lower_dist(Call& call) {
  Builder& b = call.builder();
  Value difference = b.binary("sub", floating(call, "self"), floating(call, "other"));
  Reduction all;
  for (int axis = 0; axis < b.rank(difference); ++axis) all.axes.push_back(axis);
  set_result(call, vector_norm(b, difference, call.number("p"), all));
}

// All distances between the rows of two matrices.
void lower_cdist(Call& call) {
  Builder& b = call.builder();
  Value x1 = floating(call, "x1"), x2 = floating(call, "x2");
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  x1 = b.unsqueeze(x1, {b.rank(x1) - 1});
  x2 = b.unsqueeze(x2, {b.rank(x2) - 2});
  Value difference = b.binary("sub", x1, x2);
  double order = call.tape_call().find("p") ? call.number("p") : 2;
  set_result(call, vector_norm(b, difference, order, {{b.rank(difference) - 1}, false}));
}

void lower_pairwise_distance(Call& call) {
  Builder& b = call.builder();
  Value x1 = floating(call, "x1"), x2 = floating(call, "x2");
  Value difference = b.binary("sub", x1, x2);
  difference = b.binary("add", difference, b.literal(call.number("eps"), b.dtype(difference)));
  set_result(call, vector_norm(b, difference, call.number("p"), {{b.rank(difference) - 1}, call.flag("keepdim")}));
}

// Both norms are kept above eps, each for itself.
void lower_cosine_similarity(Call& call) {
  Builder& b = call.builder();
  Value x1 = floating(call, "x1"), x2 = floating(call, "x2");
  DType dtype = b.dtype(x1);
  Value product = b.binary("mul", x1, x2);
  int rank = b.rank(product);
  int axis = call.axis("dim", rank);
  std::vector<Value> directions;
  for (Value x : {b.align_rank(x1, rank), b.align_rank(x2, rank)}) {
    Value length = vector_norm(b, x, 2, {{axis}, true});
    directions.push_back(b.binary("div", x, b.binary("max", length, b.literal(call.number("eps"), dtype))));
  }
  set_result(call, sum_over(b, b.binary("mul", directions[0], directions[1]), {{axis}, false}));
}

// Rows along an axis are scaled down where their norm exceeds a limit.
void lower_renorm(Call& call) {
  Builder& b = call.builder();
  Value x = floating(call, "self");
  DType dtype = b.dtype(x);
  int axis = call.axis("dim", call.rank("self"));
  Reduction others{{}, true};
  for (int other = 0; other < call.rank("self"); ++other) {
    if (other != axis) others.axes.push_back(other);
  }
  Value norm = vector_norm(b, x, call.number("p"), others);
  Argument limit = b.literal(call.number("maxnorm"), dtype);
  Value scale = b.binary("div", limit, b.binary("add", norm, b.literal(1e-7, dtype)));
  scale = b.select(b.binary("gt", norm, limit), scale, b.literal(1.0, dtype));
  set_result(call, b.binary("mul", x, scale));
}

}  // namespace

void register_norms(Registry& registry) {
  static constexpr char kLimits[] = "norms of singular values take static sizes up to 64";
  registry.add("aten::norm", lower_norm);
  registry.add("aten::linalg_vector_norm", lower_vector_norm);
  registry.add("aten::frobenius_norm", lower_frobenius_norm);
  registry.add("aten::linalg_matrix_norm", lower_matrix_norm, kLimits);
  registry.add("aten::linalg_norm", lower_linalg_norm, kLimits);
  registry.add("aten::dist", lower_dist);
  registry.add("aten::cdist aten::_cdist_forward aten::_euclidean_dist", lower_cdist);
  registry.add("aten::pairwise_distance", lower_pairwise_distance);
  registry.add("aten::cosine_similarity", lower_cosine_similarity);
  registry.add("aten::renorm", lower_renorm);
}

}  // namespace torch2nnef
