#include "export/ops/shape/shape_util.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "export/sizes/constraints.h"
#include "nnef/dim/dim_parts.h"

namespace torch2nnef {

int wrap_axis(std::int64_t axis, int rank) {
  int count = rank == 0 ? 1 : rank;
  if (axis < -count || axis >= count) {
    throw Unsupported("axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  }
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

std::vector<int> moved_axis(int rank, int from, int to) {
  std::vector<int> order;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != from) order.push_back(axis);
  }
  order.insert(order.begin() + to, from);
  return order;
}

std::vector<int> inverse_permutation(const std::vector<int>& permutation) {
  std::vector<int> inverse(permutation.size());
  for (std::size_t place = 0; place < permutation.size(); ++place) {
    inverse[static_cast<std::size_t>(permutation[place])] = static_cast<int>(place);
  }
  return inverse;
}

bool is_empty(const Shape& shape) {
  for (const Dim& dim : shape) {
    if (dim == Dim(0)) return true;
  }
  return false;
}

Value constant_of(Call& call, double number, DType dtype) {
  Builder& b = call.builder();
  if (dtype == DType::kBool) return b.cast(b.constant(std::int64_t{number != 0}, DType::kI64), DType::kBool);
  if (nnef::is_float(dtype)) return b.constant(number, dtype);
  return b.constant(static_cast<std::int64_t>(number), dtype);
}

Value scalar_value(Call& call, std::string_view name, DType dtype) {
  Builder& b = call.builder();
  const TapeArgument& argument = *call.tape_call().find(name);
  if (argument.value()) return b.cast(call.tensor(name), dtype);
  if (dtype == DType::kBool || !call.is_integer_number(name)) return constant_of(call, call.number(name), dtype);
  Dim integer = call.dim(name);
  if (!integer.is_constant()) return call.dim_tensor(integer, dtype);
  if (nnef::is_float(dtype)) return b.constant(static_cast<double>(integer.value()), dtype);
  return b.constant(integer.value(), dtype);
}

Value filled(Call& call, Value number, const Shape& shape) { return call.builder().broadcast_to(number, shape); }

Value zeros(Call& call, DType dtype, const Shape& shape) { return filled(call, constant_of(call, 0, dtype), shape); }

Value reshape_to(Call& call, Value x, const Shape& shape) {
  Builder& b = call.builder();
  if (b.shape(x) == shape) return x;
  if (is_empty(shape)) return zeros(call, b.dtype(x), shape);
  return b.reshape(x, shape);
}

Value index_variable(Call& call, std::string_view hint, const std::vector<std::int64_t>& values,
                     const std::vector<std::int64_t>& shape) {
  std::vector<std::byte> bytes(values.size() * sizeof(std::int64_t));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  auto data = std::make_shared<nnef::OwnedTensor>(DType::kI64, shape, std::move(bytes));
  return call.variable(hint, std::move(data));
}

Value affine_range(Call& call, const Dim& count, const Dim& step, const Dim& start) {
  Builder& b = call.builder();
  if (step == Dim(1) && !nnef::is_rounded(start)) {
    return b.add("tract_core_range", {}, {{"start", start}, {"end", start + count}, {"step", 1}});
  }
  Value range = b.add("tract_core_range", {}, {{"start", 0}, {"end", count}, {"step", 1}});
  if (step != Dim(1)) range = b.binary("mul", range, call.dim_tensor(step));
  return start == Dim(0) ? range : b.binary("add", range, call.dim_tensor(start));
}

Value non_negative_indices(Call& call, Value indices, const Dim& size) {
  Builder& b = call.builder();
  indices = b.cast(indices, DType::kI64);
  Value is_negative = b.binary("lt", indices, b.constant(std::int64_t{0}, DType::kI64));
  return b.select(is_negative, b.binary("add", indices, call.dim_tensor(size)), indices);
}

Value scatter_rows(Call& call, Value x, int axis, Value indices, Value updates, std::string_view reduction) {
  Builder& b = call.builder();
  std::vector<int> to_front = moved_axis(b.rank(x), axis, 0);
  Value rows = b.add("tract_core_scatter_nd",
                     {b.transpose(x, to_front), b.unsqueeze(indices, {1}), b.transpose(updates, to_front)},
                     {{"reduction", std::string(reduction)}});
  return b.transpose(rows, inverse_permutation(to_front));
}

Value replace_range(Call& call, Value x, int axis, const Dim& begin, Value part) {
  Builder& b = call.builder();
  Dim size = b.shape(x)[static_cast<std::size_t>(axis)];
  Dim end = begin + b.shape(part)[static_cast<std::size_t>(axis)];
  std::vector<Value> parts;
  if (begin != Dim(0)) parts.push_back(b.slice(x, axis, 0, begin));
  parts.push_back(part);
  if (end != size) parts.push_back(b.slice(x, axis, end, size));
  return parts.size() == 1 ? part : b.concat(parts, axis);
}

namespace {

// Whether a reshape made x, with nothing but other moves of axes behind it.
bool comes_from_reshape(const nnef::Graph& graph, Value x) {
  for (auto made = graph.operations.rbegin(); made != graph.operations.rend(); ++made) {
    if (std::find(made->results.begin(), made->results.end(), x) == made->results.end()) continue;
    if (made->op == "reshape") return true;
    if (made->op != "transpose" && made->op != "unsqueeze" && made->op != "squeeze") return false;
    x = std::get<Value>(made->arguments.front().argument.is);
  }
  return false;
}

}  // namespace

Value reversed(Call& call, Value x, int axis) {
  Builder& b = call.builder();
  const nnef::Shape& shape = b.shape(x);
  Dim size = shape[static_cast<std::size_t>(axis)];
  if (size == Dim(0) || size == Dim(1)) return x;
  const bool is_symbolic = std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_constant(); });
  // A slice would move before the reshape (T-STRIDED-DIAGONAL).
  if (is_symbolic && comes_from_reshape(b.graph(), x)) {
    return b.add("tract_core_gather", {x, affine_range(call, size, Dim(-1), size - 1)}, {{"axis", axis}});
  }
  return b.slice(x, axis, 0, size, -1);
}

Sign sign_of(const Call& call, const Dim& dim) {
  if (const auto number = dim.constant()) return *number < 0 ? Sign::kNegative : Sign::kNotNegative;
  const std::optional<bool> is_negative = facts_of(call.tape()).is_negative(dim);
  if (!is_negative) return Sign::kBoth;
  return *is_negative ? Sign::kNegative : Sign::kNotNegative;
}

Dim wrap_position(const Call& call, const Dim& position, const Dim& size) {
  const Sign sign = sign_of(call, position);
  if (sign == Sign::kNotNegative) return position;
  // One that is negative at the recorded sizes alone may be 0 at others, which is the start and not the end.
  const bool is_exact = position.is_constant() || facts_of(call.tape()).is_sign_exact(position);
  if (sign == Sign::kNegative && is_exact) return size + position;
  throw Unsupported("the position " + position.to_string() +
                        " counts from the start or from the end, depending on the sizes of dynamic axes",
                    "give the symbols bounds, or make the axis static");
}

}  // namespace torch2nnef
