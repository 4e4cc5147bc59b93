// Parts of a tensor along its axes: slice, select, narrow, diagonals and windows, and the calls that write such parts.

#include "export/ops/shape/shape_util.h"
#include "export/ops/shape/slice_bounds.h"

namespace torch2nnef {
namespace {

std::optional<Dim> optional_dim(const Call& call, std::string_view name) {
  if (!call.has(name)) return std::nullopt;
  return call.dim(name);
}

const Dim& size_of(const Shape& shape, int axis) { return shape.at(static_cast<std::size_t>(axis)); }

// A slice of nothing has no form that every engine reads (T-SLICE-EMPTY).
Value slice_or_nothing(Call& call, Value x, int axis, const SliceBounds& bounds, std::int64_t step) {
  Builder& b = call.builder();
  if (bounds.begin != bounds.end) return b.slice(x, axis, bounds.begin, bounds.end, step);
  Shape shape = b.shape(x);
  shape[static_cast<std::size_t>(axis)] = 0;
  return zeros(call, b.dtype(x), shape);
}

void lower_slice(Call& call) {
  int axis = call.axis("dim", call.rank("self"));
  std::int64_t step = call.integer("step");
  SliceBounds bounds = slice_bounds(call, optional_dim(call, "start"), optional_dim(call, "end"),
                                    size_of(call.shape("self"), axis), step, size_of(call.result_shape(), axis));
  call.result(slice_or_nothing(call, call.tensor("self"), axis, bounds, step));
}

// Whether an integer argument arrives as a tensor of rank 0: it depends on the values of an input.
bool is_from_data(const Call& call, std::string_view name) {
  const TapeArgument* argument = call.tape_call().find(name);
  return argument && argument->value();
}

// Places along an axis of that size, from a position that only the data says: [length].
Value places_from(Call& call, std::string_view position, const Dim& size, const Dim& length) {
  Builder& b = call.builder();
  Value first = non_negative_indices(call, reshape_to(call, call.tensor(position), {}), size);
  return b.binary("add", affine_range(call, length), first);
}

void lower_narrow(Call& call) {
  int axis = call.axis("dim", call.rank("self"));
  if (is_from_data(call, "start")) {
    if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
    Value places = places_from(call, "start", size_of(call.shape("self"), axis), call.dim("length"));
    return call.result(call.builder().add("tract_core_gather", {call.tensor("self"), places}, {{"axis", axis}}));
  }
  Dim begin = wrap_position(call, call.dim("start"), size_of(call.shape("self"), axis));
  call.result(slice_or_nothing(call, call.tensor("self"), axis, {begin, begin + call.dim("length")}, 1));
}

// An index that depends on data is a rank-0 tensor here; a gather takes it, negative or not.
void lower_select(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", call.rank("self"));
  Value x = call.tensor("self");
  if (is_from_data(call, "index")) {
    Value index = reshape_to(call, call.tensor("index"), {});
    return call.result(b.add("tract_core_gather", {x, index}, {{"axis", axis}}));
  }
  Dim begin = wrap_position(call, call.dim("index"), size_of(call.shape("self"), axis));
  call.result(b.squeeze(b.slice(x, axis, begin, begin + 1), {axis}));
}

// A diagonal seen as a walk over two axes that were moved to the end and merged.
struct Diagonal {
  std::vector<int> order;  // that moves the two axes to the end
  Shape split, merged;     // the moved shape, and with its last two axes as one
  Dim start, stride, length;
};

Diagonal find_diagonal(const Call& call, const Shape& shape, int first, int second, const Dim& length) {
  if (first == second) throw Unsupported("the two axes of a diagonal are the same");
  Diagonal diagonal;
  for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
    if (axis != first && axis != second) diagonal.order.push_back(axis);
  }
  diagonal.order.insert(diagonal.order.end(), {first, second});
  for (int axis : diagonal.order) diagonal.split.push_back(size_of(shape, axis));
  diagonal.merged.assign(diagonal.split.begin(), diagonal.split.end() - 2);
  Dim rows = size_of(shape, first), columns = size_of(shape, second);
  diagonal.merged.push_back(rows * columns);
  std::int64_t offset = call.integer(call.has("offset") ? "offset" : "diagonal");
  diagonal.start = offset >= 0 ? Dim(offset) : Dim(-offset) * columns;
  diagonal.stride = columns + 1;
  diagonal.length = length;
  return diagonal;
}

// linalg_diagonal calls its matrix A.
std::string_view tensor_name(const Call& call) { return call.tape_call().find("A") ? "A" : "self"; }

Value take_diagonal(Call& call, int first, int second) {
  Builder& b = call.builder();
  std::string_view name = tensor_name(call);
  Diagonal diagonal = find_diagonal(call, call.shape(name), first, second, call.result_shape().back());
  if (diagonal.length == Dim(0)) return zeros(call, call.result_dtype(), call.result_shape());
  Value flat = b.reshape(b.transpose(call.tensor(name), diagonal.order), diagonal.merged);
  int last = static_cast<int>(diagonal.merged.size()) - 1;
  // Not a slice with a stride: after a transpose and a reshape the engine's optimiser trips over it
  // (T-STRIDED-DIAGONAL).
  Value places = affine_range(call, diagonal.length, diagonal.stride, diagonal.start);
  return b.add("tract_core_gather", {flat, places}, {{"axis", last}});
}

void lower_diagonal(Call& call) {
  int rank = call.rank(tensor_name(call));
  call.result(take_diagonal(call, call.axis("dim1", rank), call.axis("dim2", rank)));
}

void lower_diagonal_scatter(Call& call) {
  Builder& b = call.builder();
  int rank = call.rank("self");
  Diagonal diagonal = find_diagonal(call, call.shape("self"), call.axis("dim1", rank), call.axis("dim2", rank),
                                    call.shape("src").back());
  Value x = call.tensor("self");
  if (diagonal.length == Dim(0)) return call.result(x);
  Value flat = b.reshape(b.transpose(x, diagonal.order), diagonal.merged);
  Value places = affine_range(call, diagonal.length, diagonal.stride, diagonal.start);
  Value updates = call.tensor_as("src", call.result_dtype());
  flat = scatter_rows(call, flat, static_cast<int>(diagonal.merged.size()) - 1, places, updates);
  call.result(b.transpose(b.reshape(flat, diagonal.split), inverse_permutation(diagonal.order)));
}

// x on the diagonal of a matrix of zeros, the matrix being the last two axes.
Value embedded_diagonal(Call& call, Value x, std::int64_t offset) {
  Builder& b = call.builder();
  Shape shape = b.shape(x);
  Dim length = shape.back(), size = length + (offset < 0 ? -offset : offset);
  shape.back() = size * size;
  Value flat = zeros(call, b.dtype(x), shape);
  Dim start = offset >= 0 ? Dim(offset) : Dim(-offset) * size;
  Value places = affine_range(call, length, size + 1, start);
  flat = scatter_rows(call, flat, b.rank(x) - 1, places, x);
  shape.back() = size;
  shape.push_back(size);
  return b.reshape(flat, shape);
}

void lower_diag(Call& call) {
  if (call.rank("self") == 2) return call.result(take_diagonal(call, 0, 1));
  call.result(embedded_diagonal(call, call.tensor("self"), call.integer("diagonal")));
}

void lower_diagflat(Call& call) {
  Value flat = reshape_to(call, call.tensor("self"), {nnef::volume(call.shape("self"))});
  call.result(embedded_diagonal(call, flat, call.integer("offset")));
}

void lower_diag_embed(Call& call) {
  Builder& b = call.builder();
  int rank = call.rank("self") + 1;
  int first = call.axis("dim1", rank), second = call.axis("dim2", rank);
  Value matrix = embedded_diagonal(call, call.tensor("self"), call.integer("offset"));
  std::vector<int> order;  // of the result: where each axis comes from
  for (int axis = 0, next = 0; axis < rank; ++axis) {
    order.push_back(axis == first ? rank - 2 : axis == second ? rank - 1 : next++);
  }
  call.result(b.transpose(matrix, order));
}

// All windows of `size` items at a distance of `step`; the window becomes the last axis.
void lower_unfold(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor("self");
  if (call.rank("self") == 0) x = b.unsqueeze(x, {0});
  int rank = b.rank(x), axis = call.axis("dimension", rank);
  Dim size(call.integer("size")), step(call.integer("step"));
  if (call.rank("self") == 0) return call.result(reshape_to(call, x, call.result_shape()));
  Dim count = floor_div(size_of(b.shape(x), axis) - size, step) + 1;
  Value windows;
  if (size == step) {
    Shape shape = b.shape(x);
    shape[static_cast<std::size_t>(axis)] = count;
    shape.insert(shape.begin() + axis + 1, size);
    windows = b.reshape(b.slice(x, axis, 0, count * size), shape);
  } else {
    Value starts = b.unsqueeze(affine_range(call, count, step), {1});
    Value places = b.binary("add", starts, affine_range(call, size));
    windows = b.add("tract_core_gather", {x, places}, {{"axis", axis}});
  }
  call.result(b.transpose(windows, moved_axis(rank + 1, axis + 1, rank)));
}

void lower_select_scatter(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", call.rank("self"));
  if (is_from_data(call, "index")) {
    const Dim size = size_of(call.shape("self"), axis);
    Shape column(static_cast<std::size_t>(call.rank("self")), 1);
    column[static_cast<std::size_t>(axis)] = size;
    Value here = b.binary("eq", affine_range(call, size), places_from(call, "index", size, 1));
    Value source = b.unsqueeze(call.tensor_as("src", call.result_dtype()), {axis});
    Value chosen = b.select(reshape_to(call, here, column), source, call.tensor("self"));
    return call.result(b.broadcast_to(chosen, call.result_shape()));
  }
  Dim begin = wrap_position(call, call.dim("index"), size_of(call.shape("self"), axis));
  Value part = b.unsqueeze(call.tensor_as("src", call.result_dtype()), {axis});
  call.result(replace_range(call, call.tensor("self"), axis, begin, part));
}

void lower_slice_scatter(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", call.rank("self"));
  std::int64_t step = call.integer("step");
  Dim length = size_of(call.shape("src"), axis);
  if (is_from_data(call, "start")) {  // what is written through a narrow: as long as its source
    if (length == Dim(0)) return call.result(call.tensor("self"));
    Value places = places_from(call, "start", size_of(call.shape("self"), axis), length);
    return call.result(
        scatter_rows(call, call.tensor("self"), axis, places, call.tensor_as("src", call.result_dtype())));
  }
  SliceBounds bounds = slice_bounds(call, optional_dim(call, "start"), optional_dim(call, "end"),
                                    size_of(call.shape("self"), axis), step, length);
  Value x = call.tensor("self");
  if (bounds.begin == bounds.end) return call.result(x);
  length = ceil_div(bounds.end - bounds.begin, step);
  Shape shape = call.shape("self");
  shape[static_cast<std::size_t>(axis)] = length;
  Value part = b.broadcast_to(call.tensor_as("src", call.result_dtype()), shape);
  if (step == 1) return call.result(replace_range(call, x, axis, bounds.begin, part));
  call.result(scatter_rows(call, x, axis, affine_range(call, length, step, bounds.begin), part));
}

}  // namespace

void register_slice(Registry& registry) {
  registry.add("aten::slice aten::slice_copy", lower_slice);
  registry.add("aten::narrow aten::narrow_copy", lower_narrow);
  registry.add("aten::select aten::select_copy", lower_select);
  registry.add("aten::diagonal aten::linalg_diagonal aten::diagonal_copy", lower_diagonal);
  registry.add("aten::diagonal_scatter", lower_diagonal_scatter);
  registry.add("aten::diag", lower_diag);
  registry.add("aten::diagflat", lower_diagflat);
  registry.add("aten::diag_embed", lower_diag_embed);
  registry.add("aten::unfold aten::unfold_copy", lower_unfold);
  registry.add("aten::select_scatter", lower_select_scatter);
  registry.add("aten::slice_scatter", lower_slice_scatter);
}

}  // namespace torch2nnef
