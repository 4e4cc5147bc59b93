// What is made of singular values or of the eigenvalues of symmetric matrices.

#include "export/ops/linear_algebra/spectral.h"

#include <algorithm>
#include <cmath>

#include "export/ops/linear_algebra/jacobi.h"
#include "export/ops/linear_algebra/linalg_steps.h"
#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr DType kWide = DType::kF64;

void set_result(Call& call, std::size_t index, Value x) {
  if (call.wanted(index)) call.result(index, call.builder().cast(x, call.result_dtype(index)));
}

// A vector with the opposite sign is as right, and LAPACK's choice follows from its steps.
void refuse_vector_output(const Call& call, std::size_t index) {
  TapeValue result = call.tape_call().results.at(index);
  for (const auto& [name, value] : call.tape().outputs) {
    if (result && value == result) {
      throw Unsupported("eigenvectors or singular vectors as outputs: each is as right with the opposite sign",
                        "return what does not depend on their signs, such as u * s * v^T");
    }
  }
}

// --- eigenvalues ---

// The half that is read, mirrored.
Value symmetric(Call& call, Value matrix, bool is_upper) {
  Builder& b = call.builder();
  auto part = [&](int k) { return b.add("tract_core_trilu", {matrix}, {{"upper", is_upper}, {"k", k}}); };
  return b.binary("add", part(0), matrix_transposed(b, part(is_upper ? 1 : -1)));
}

void set_eigen(Call& call, Value matrix, bool is_upper, bool has_vectors) {
  EigenSystem system = eigen_system(call, symmetric(call, matrix, is_upper));
  set_result(call, 0, system.values);
  if (call.result_count() < 2 || !call.wanted(1)) return;
  if (!has_vectors) return call.result(1, zeros(call, call.result_dtype(1), call.result_shape(1)));
  refuse_vector_output(call, 1);
  set_result(call, 1, system.vectors);
}

bool reads_upper(const Call& call) { return call.text("UPLO") == "U" || call.text("UPLO") == "u"; }

void lower_eigh(Call& call) {
  const TapeCall& tape = call.tape_call();
  bool has_vectors = !tape.find("compute_v") || call.flag("compute_v");
  set_eigen(call, call.tensor(tape.find("A") ? "A" : "self"), reads_upper(call), has_vectors);
}

void lower_symeig(Call& call) { set_eigen(call, call.tensor("self"), call.flag("upper"), call.flag("eigenvectors")); }

// --- singular values ---

void lower_svdvals(Call& call) { set_result(call, 0, singular_system(call, call.tensor("A")).values); }

// [.., n, m] of the m x n vectors that the shape of the result asks for.
void set_vectors(Call& call, std::size_t index, Value vectors, bool is_transposed) {
  if (!call.wanted(index)) return;
  refuse_vector_output(call, index);
  Builder& b = call.builder();
  if (is_transposed) vectors = matrix_transposed(b, vectors);
  const Shape& shape = call.result_shape(index);
  if (b.shape(vectors) != shape) {
    throw Unsupported("the singular vectors of a matrix that is not square, made a whole basis",
                      "pass full_matrices=False");
  }
  set_result(call, index, vectors);
}

void lower_svd(Call& call) {
  bool is_old = call.tape_call().op == "aten::svd";
  SingularSystem system = singular_system(call, call.tensor(is_old ? "self" : "A"));
  set_result(call, 1, system.values);
  if (call.tape_call().find("compute_uv") && !call.flag("compute_uv")) {
    for (std::size_t index : {0, 2}) {
      if (call.wanted(index)) call.result(index, zeros(call, call.result_dtype(index), call.result_shape(index)));
    }
    return;
  }
  set_vectors(call, 0, system.u, false);
  set_vectors(call, 2, system.v, !is_old);
}

void lower_nuclear_norm(Call& call) {
  std::vector<int> axes{0, 1};
  if (call.tape_call().find("dim")) {
    axes.clear();
    for (std::int64_t axis : call.integers("dim")) axes.push_back(wrap_axis(axis, call.rank("self")));
  }
  if (axes.size() != 2) throw Unsupported("a nuclear norm over other than two axes");
  set_result(call, 0, singular_norm(call, call.tensor("self"), "nuc", axes[0], axes[1], call.flag("keepdim")));
}

// --- what counts as zero ---

// A number or a tensor [..] that may be None.
std::optional<Value> tolerance(Call& call, std::string_view name) {
  if (!call.tape_call().find(name) || !call.has(name)) return std::nullopt;
  Builder& b = call.builder();
  if (call.tape_call().find(name)->value()) return b.unsqueeze(call.tensor_as(name, kWide), {call.rank(name)});
  return b.constant(call.number(name), kWide);
}

// The machine epsilon of the matrix, times its larger size.
double relative_rounding(const Call& call, std::string_view matrix) {
  const Shape& shape = call.shape(matrix);
  auto larger = std::max(shape[shape.size() - 2].value(), shape.back().value());
  double epsilon = call.type(matrix) == ScalarType::kFloat64 ? 0x1p-52 : 0x1p-23;
  return epsilon * static_cast<double>(larger);
}

// Singular values up to max(atol, rtol * the largest) are zero. [.., 1].
Value cutoff(Call& call, std::string_view matrix, Value values, const char* absolute_name, const char* relative_name) {
  Builder& b = call.builder();
  std::optional<Value> absolute = absolute_name ? tolerance(call, absolute_name) : std::nullopt;
  std::optional<Value> relative = relative_name ? tolerance(call, relative_name) : std::nullopt;
  Argument zero = b.literal(0.0, kWide);
  if (!relative) {
    relative = b.constant(relative_rounding(call, matrix), kWide);
    // An absolute tolerance that is given takes the place of the relative one.
    if (absolute) relative = b.select(b.binary("gt", *absolute, zero), b.constant(0.0, kWide), *relative);
  }
  Value largest = b.slice(values, b.rank(values) - 1, 0, 1);
  Value scaled = b.binary("mul", *relative, largest);
  return absolute ? b.binary("max", *absolute, scaled) : scaled;
}

Value count_above(Call& call, Value values, Value limit) {
  Builder& b = call.builder();
  Value is_above = b.cast(b.binary("gt", values, limit), DType::kI64);
  return b.reduce("sum_reduce", is_above, {b.rank(values) - 1}, false);
}

// Of a symmetric matrix only one half is read.
Value matrix_of(Call& call, std::string_view name) {
  bool is_symmetric = call.tape_call().find("hermitian") && call.flag("hermitian");
  return is_symmetric ? symmetric(call, call.tensor(name), false) : call.tensor(name);
}

void lower_matrix_rank(Call& call) {
  std::string_view name = call.tape_call().find("input") ? "input" : "self";
  Value values = singular_system(call, matrix_of(call, name)).values;
  const TapeCall& tape = call.tape_call();
  // `tol` alone is absolute.
  Value limit = tape.find("tol") ? *tolerance(call, "tol") : cutoff(call, name, values, "atol", "rtol");
  set_result(call, 0, count_above(call, values, limit));
}

// v * diag(1 / values) * u^T, without the singular values that are zero.
Value pseudo_inverse(Call& call, const SingularSystem& system, Value limit) {
  Builder& b = call.builder();
  Value is_kept = b.binary("gt", system.values, limit);
  Value safe = b.select(is_kept, system.values, b.literal(1.0, kWide));
  Value inverse = b.select(is_kept, b.unary("recip", safe), b.literal(0.0, kWide));
  Value scaled = b.binary("mul", system.v, b.unsqueeze(inverse, {b.rank(inverse) - 1}));
  return matrix_product(b, scaled, matrix_transposed(b, system.u));
}

void lower_pinv(Call& call) {
  SingularSystem system = singular_system(call, matrix_of(call, "self"));
  bool is_relative = call.tape_call().find("rcond") != nullptr;
  Value limit = is_relative ? cutoff(call, "self", system.values, nullptr, "rcond")
                            : cutoff(call, "self", system.values, "atol", "rtol");
  set_result(call, 0, pseudo_inverse(call, system, limit));
}

// --- least squares ---

void set_least_squares(Call& call, Value matrix, Value right, Value x) {
  Builder& b = call.builder();
  if (call.wanted(0)) {
    bool is_vector = call.result_shape(0).size() + 1 == b.shape(x).size();
    set_result(call, 0, is_vector ? b.squeeze(x, {b.rank(x) - 1}) : x);
  }
  if (!call.wanted(1)) return;
  const Shape& residuals = call.result_shape(1);
  if (is_empty(residuals)) return call.result(1, zeros(call, call.result_dtype(1), residuals));
  Value rest = b.binary("sub", matrix_product(b, matrix, x), right);
  set_result(call, 1, b.reduce("sum_reduce", b.binary("mul", rest, rest), {b.rank(rest) - 2}, false));
}

void lower_lstsq(Call& call) {
  Builder& b = call.builder();
  Value matrix = b.cast(call.tensor("self"), kWide), right = b.cast(call.tensor("b"), kWide);
  SingularSystem system = singular_system(call, matrix);
  bool is_vector = b.rank(right) + 1 == b.rank(matrix);
  if (is_vector) right = b.unsqueeze(right, {b.rank(right)});
  Value limit = cutoff(call, "self", system.values, nullptr, "rcond");
  set_least_squares(call, matrix, right, matrix_product(b, pseudo_inverse(call, system, limit), right));
  for (std::size_t index : {2, 3}) {
    if (!call.wanted(index)) continue;
    if (is_empty(call.result_shape(index))) {
      call.result(index, zeros(call, call.result_dtype(index), call.result_shape(index)));
    } else {
      set_result(call, index, index == 2 ? count_above(call, system.values, limit) : system.values);
    }
  }
}

// --- condition numbers ---

void lower_cond(Call& call) {
  Builder& b = call.builder();
  const TapeArgument* order = call.tape_call().find("p");
  bool is_text = std::holds_alternative<std::string>(order->is);
  double number = is_text || order->is_none() ? 2 : call.number("p");
  Value values = singular_system(call, call.tensor("self")).values;
  int axis = b.rank(values) - 1;
  std::int64_t count = b.shape(values).back().value();
  auto sum = [&](Value x) { return b.reduce("sum_reduce", x, {axis}, false); };
  if (is_text) {  // the norms of the matrix and of its inverse
    Value inverse = b.unary("recip", values);
    bool is_nuclear = call.text("p") == "nuc";
    auto norm = [&](Value x) { return is_nuclear ? sum(x) : b.unary("sqrt", sum(b.binary("mul", x, x))); };
    return set_result(call, 0, b.binary("mul", norm(values), norm(inverse)));
  }
  if (std::abs(number) != 2) {
    throw Unsupported("the condition number of a norm other than 2, -2, 'fro' and 'nuc'",
                      "multiply the norms of the matrix and of torch.linalg.inv() of it");
  }
  Value first = b.squeeze(b.slice(values, axis, 0, 1), {axis});
  Value last = b.squeeze(b.slice(values, axis, count - 1, count), {axis});
  set_result(call, 0, number > 0 ? b.binary("div", first, last) : b.binary("div", last, first));
}

void refuse_general_eigenvalues(Call&) {
  throw Unsupported("the eigenvalues of a matrix that is not symmetric: LAPACK gives them in no defined order",
                    "use torch.linalg.eigvalsh when the matrix is symmetric");
}

}  // namespace

Value singular_norm(Call& call, Value x, const std::string& order, int row_axis, int column_axis, bool keepdim) {
  Builder& b = call.builder();
  std::vector<int> places;
  for (int axis = 0; axis < b.rank(x); ++axis) {
    if (axis != row_axis && axis != column_axis) places.push_back(axis);
  }
  places.push_back(row_axis);
  places.push_back(column_axis);
  DType dtype = b.dtype(x);
  Value values = singular_system(call, b.transpose(x, places)).values;
  int axis = b.rank(values) - 1;
  std::string reduction = order == "nuc" ? "sum_reduce" : order == "2" ? "max_reduce" : "min_reduce";
  Value y = b.cast(b.reduce(reduction, values, {axis}, false), dtype);
  return keepdim ? b.unsqueeze(y, {std::min(row_axis, column_axis), std::max(row_axis, column_axis)}) : y;
}

void register_spectral(Registry& registry) {
  static constexpr char kSize[] = "static sizes up to 64, in double precision";
  static constexpr char kVectors[] =
      "static sizes up to 64; vectors cannot be outputs, since their sign is not determined";
  registry.add("aten::linalg_eigvalsh aten::linalg_eigh aten::_linalg_eigh", lower_eigh, kVectors);
  registry.add("aten::symeig", lower_symeig, kVectors);
  registry.add("aten::linalg_svdvals", lower_svdvals, kSize);
  registry.add("aten::linalg_svd aten::_linalg_svd aten::svd", lower_svd, kVectors);
  registry.add("aten::nuclear_norm", lower_nuclear_norm, kSize);
  registry.add("aten::linalg_matrix_rank", lower_matrix_rank, kSize);
  registry.add("aten::linalg_pinv aten::pinverse", lower_pinv, kSize);
  registry.add("aten::linalg_lstsq", lower_lstsq, kSize);
  registry.add("aten::linalg_cond", lower_cond, "orders 2, -2, 'fro' and 'nuc'; static sizes up to 64");
  registry.add("aten::linalg_eig aten::linalg_eigvals", refuse_general_eigenvalues, "always refused", Domain::kBoth);
}

}  // namespace torch2nnef
