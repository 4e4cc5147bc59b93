// Several tensors, or several copies of one, side by side: concatenations, repeats, and grids of coordinates.

#include <algorithm>
#include <cstdlib>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

Value join(Call& call, std::vector<Value> parts, int axis) {
  if (parts.empty()) throw Unsupported("a concatenation of nothing");
  return parts.size() == 1 ? parts[0] : call.builder().concat(parts, axis);
}

// torch.cat lets a tensor of shape [0] stand among tensors of any rank.
void lower_cat(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (is_empty(call.result_shape())) return call.result(zeros(call, dtype, call.result_shape()));
  std::vector<Value> parts;
  int axis = call.axis("dim", static_cast<int>(call.result_shape().size()));
  for (Value part : call.tensors("tensors")) {
    if (!is_empty(b.shape(part))) parts.push_back(b.cast(part, dtype));
  }
  call.result(join(call, parts, axis));
}

void lower_stack(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", static_cast<int>(call.result_shape().size()));
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  std::vector<Value> parts;
  for (Value part : call.tensors("tensors")) parts.push_back(b.unsqueeze(b.cast(part, call.result_dtype()), {axis}));
  call.result(join(call, parts, axis));
}

// hstack, vstack, dstack, column_stack: a concatenation of tensors that were given at least some rank first.
Value at_least(Call& call, Value x, int rank, bool column) {
  Builder& b = call.builder();
  Shape shape = b.shape(x);
  if (shape.empty()) shape = {1};
  if (rank >= 2 && shape.size() == 1) shape.insert(column ? shape.end() : shape.begin(), 1);
  if (rank == 3 && shape.size() == 2) shape.push_back(1);
  return reshape_to(call, x, shape);
}

void lower_stack_along(Call& call, int rank, bool column, int axis) {
  Builder& b = call.builder();
  std::vector<Value> parts;
  for (Value part : call.tensors("tensors")) {
    parts.push_back(at_least(call, b.cast(part, call.result_dtype()), rank, column));
  }
  call.result(join(call, parts, axis));
}

void lower_hstack(Call& call) { lower_stack_along(call, 1, false, call.result_shape().size() == 1 ? 0 : 1); }
void lower_vstack(Call& call) { lower_stack_along(call, 2, false, 0); }
void lower_dstack(Call& call) { lower_stack_along(call, 3, false, 2); }
void lower_column_stack(Call& call) { lower_stack_along(call, 2, true, 1); }

Value repeated(Call& call, Value x, Shape repeats) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return zeros(call, call.result_dtype(), call.result_shape());
  if (static_cast<int>(repeats.size()) < b.rank(x)) {
    repeats.insert(repeats.begin(), static_cast<std::size_t>(b.rank(x)) - repeats.size(), Dim(1));
  }
  x = b.align_rank(x, static_cast<int>(repeats.size()));
  bool is_plain = std::all_of(repeats.begin(), repeats.end(), [](const Dim& times) { return times == Dim(1); });
  return is_plain ? x : b.tile(x, repeats);
}

void lower_repeat(Call& call) {
  call.result(repeated(call, call.tensor("self"), call.dims(call.has("repeats") ? "repeats" : "dims")));
}

// Each item `repeats` times, or item i as often as entry i of a constant says.
void lower_repeat_interleave(Call& call) {
  Builder& b = call.builder();
  if (!call.tape_call().find("self")) throw Unsupported("repeat_interleave of counts that depend on an input's values");
  Value x = call.tensor("self");
  if (!call.has("dim") || b.rank(x) == 0) x = reshape_to(call, x, {nnef::volume(b.shape(x))});
  int axis = call.has("dim") ? call.axis("dim", b.rank(x)) : 0;
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  bool is_tensor = call.tape_call().find("repeats")->value() != nullptr;
  if (is_tensor && !call.constant("repeats")) {
    throw Unsupported("repeat_interleave by counts that depend on an input's values");
  }
  if (is_tensor && call.constant("repeats")->numel() != 1) {
    std::vector<std::int64_t> counts = call.constant("repeats")->to_integers(), places;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      places.insert(places.end(), static_cast<std::size_t>(counts[i]), static_cast<std::int64_t>(i));
    }
    Value index = index_variable(call, "repeat", places, {static_cast<std::int64_t>(places.size())});
    return call.result(b.add("tract_core_gather", {x, index}, {{"axis", axis}}));
  }
  Dim times = call.dim("repeats");
  Shape shape = b.shape(x), wide = shape;
  wide.insert(wide.begin() + axis + 1, times);
  shape[static_cast<std::size_t>(axis)] *= times;
  call.result(b.reshape(b.broadcast_to(b.unsqueeze(x, {axis + 1}), wide), shape));
}

// Item i is item (i - shift) modulo the size, which may be smaller than the shift.
Value rolled_by_index(Call& call, Value x, int axis, const Dim& shift) {
  Builder& b = call.builder();
  const Dim size = b.shape(x)[static_cast<std::size_t>(axis)];
  Value width = call.dim_tensor(size), back = call.dim_tensor(shift);
  // Integer division truncates: the remainder of a negative number is lifted by the size once.
  auto wrapped = [&](Value place) {
    return b.binary("sub", place, b.binary("mul", b.binary("div", place, width), width));
  };
  Value place = wrapped(b.binary("sub", affine_range(call, size), back));
  place = wrapped(b.binary("add", place, width));
  return b.add("tract_core_gather", {x, place}, {{"axis", axis}});
}

// Whether the axis is at least as long as the shift wherever the model may run.
bool reaches(const Call& call, const Dim& size, const Dim& shift) {
  std::vector<nnef::Bindings> probes = call.tape().worlds;
  nnef::Bindings smallest;
  for (const Symbol& symbol : call.tape().symbols) smallest[symbol.name] = symbol.minimum.value_or(1);
  probes.push_back(std::move(smallest));
  return std::all_of(probes.begin(), probes.end(), [&](const nnef::Bindings& sizes) {
    return std::abs(shift.evaluate(sizes)) <= size.evaluate(sizes);
  });
}

Value rolled(Call& call, Value x, int axis, const Dim& shift) {
  Builder& b = call.builder();
  Dim size = b.shape(x)[static_cast<std::size_t>(axis)];
  Dim back = size.is_constant() && shift.is_constant() ? remainder(shift, size) : shift;
  if (back == Dim(0)) return x;
  const Sign sign = sign_of(call, back);
  if (sign == Sign::kBoth || !reaches(call, size, back)) return rolled_by_index(call, x, axis, back);
  Dim cut = sign == Sign::kNegative ? -back : size - back;  // the items from there on come first
  if (cut == Dim(0)) return x;
  return b.concat({b.slice(x, axis, cut, size), b.slice(x, axis, 0, cut)}, axis);
}

void lower_roll(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor("self");
  std::vector<Dim> shifts = call.dims("shifts");
  std::vector<std::int64_t> axes = call.integers("dims");
  if (is_empty(call.result_shape()) || call.rank("self") == 0) return call.result(x);
  if (axes.empty()) {
    Value flat = b.reshape(x, {nnef::volume(b.shape(x))});
    return call.result(b.reshape(rolled(call, flat, 0, shifts.at(0)), call.result_shape()));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) x = rolled(call, x, wrap_axis(axes[i], b.rank(x)), shifts.at(i));
  call.result(x);
}

void lower_flip(Call& call) {
  Value x = call.tensor("self");
  for (int axis : call.axes("dims", call.rank("self"), false)) x = reversed(call, x, axis);
  call.result(x);
}

void lower_fliplr(Call& call) { call.result(reversed(call, call.tensor("self"), 1)); }
void lower_flipud(Call& call) { call.result(reversed(call, call.tensor("self"), 0)); }

void lower_rot90(Call& call) {
  Builder& b = call.builder();
  int rank = call.rank("self");
  std::vector<std::int64_t> dims = call.integers("dims");
  int first = wrap_axis(dims.at(0), rank), second = wrap_axis(dims.at(1), rank);
  Value x = call.tensor("self");
  std::int64_t turns = ((call.integer("k") % 4) + 4) % 4;
  if (turns == 0) return call.result(x);
  if (turns == 2) return call.result(reversed(call, reversed(call, x, first), second));
  std::vector<int> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis == first ? second : axis == second ? first : axis);
  if (turns == 1) return call.result(b.transpose(reversed(call, x, second), order));
  call.result(reversed(call, b.transpose(x, order), second));
}

// The coordinates of a grid: input i varies along axis i of the result. "xy" swaps the first two.
Value grid_axis(Call& call, Value x, int axis, const Shape& shape) {
  Builder& b = call.builder();
  Shape column(shape.size(), 1);
  column.at(static_cast<std::size_t>(axis)) = nnef::volume(b.shape(x));
  return b.broadcast_to(reshape_to(call, x, column), shape);
}

void lower_meshgrid(Call& call) {
  std::vector<Value> inputs = call.tensors("tensors");
  bool is_xy = call.has("indexing") && call.text("indexing") == "xy" && inputs.size() >= 2;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    int axis = static_cast<int>(is_xy && i < 2 ? 1 - i : i);
    if (call.wanted(i)) call.result(i, grid_axis(call, inputs[i], axis, call.result_shape(i)));
  }
}

void lower_cartesian_prod(Call& call) {
  Builder& b = call.builder();
  std::vector<Value> inputs = call.tensors("tensors"), columns;
  if (inputs.size() == 1) return call.result(inputs[0]);
  Shape grid;
  for (Value input : inputs) grid.push_back(nnef::volume(b.shape(input)));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Value axis = grid_axis(call, b.cast(inputs[i], call.result_dtype()), static_cast<int>(i), grid);
    columns.push_back(b.reshape(axis, {nnef::volume(grid), 1}));
  }
  call.result(b.concat(columns, 1));
}

// Sequences [length, ..] of several lengths, each filled up to the longest, side by side.
void lower_pad_sequence(Call& call) {
  Builder& b = call.builder();
  bool batch_first = call.flag("batch_first");
  DType dtype = call.result_dtype();
  Dim longest = call.result_shape().at(batch_first ? 1 : 0);
  std::vector<Value> parts;
  for (Value part : call.tensors("sequences")) {
    Shape missing = b.shape(part);
    missing.at(0) = longest - missing[0];
    part = b.cast(part, dtype);
    if (missing[0] != Dim(0)) {
      Value number = constant_of(call, call.number("padding_value"), dtype);
      part = b.concat({part, filled(call, number, missing)}, 0);
    }
    parts.push_back(b.unsqueeze(part, {batch_first ? 0 : 1}));
  }
  call.result(join(call, parts, batch_first ? 0 : 1));
}

// Which items come together does not depend on their values: places in order, each place once, or as often as one
// likes.
void lower_combinations(Call& call) {
  Builder& b = call.builder();
  std::int64_t size = call.shape("self").at(0).value(), width = call.integer("r");
  bool repeats = call.flag("with_replacement");
  std::vector<std::vector<std::int64_t>> rows{{}};
  for (std::int64_t column = 0; column < width; ++column) {
    std::vector<std::vector<std::int64_t>> longer;
    for (const std::vector<std::int64_t>& row : rows) {
      for (std::int64_t next = row.empty() ? 0 : row.back() + (repeats ? 0 : 1); next < size; ++next) {
        longer.push_back(row);
        longer.back().push_back(next);
      }
    }
    rows = std::move(longer);
  }
  std::vector<std::int64_t> places;
  for (const std::vector<std::int64_t>& row : rows) places.insert(places.end(), row.begin(), row.end());
  if (places.empty()) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value index = index_variable(call, "combinations", places, {static_cast<std::int64_t>(rows.size()), width});
  call.result(b.add("tract_core_gather", {call.tensor("self"), index}, {{"axis", 0}}));
}

void lower_broadcast_tensors(Call& call) {
  std::vector<Value> inputs = call.tensors("tensors");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (call.wanted(i)) call.result(i, call.builder().broadcast_to(inputs[i], call.result_shape(i)));
  }
}

// Each matrix between zeros to its left and right, the bands stacked.
void lower_block_diag(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  std::vector<Value> bands;
  Dim left = 0, width = call.result_shape().at(1);
  for (Value matrix : call.tensors("tensors")) {
    matrix = at_least(call, b.cast(matrix, dtype), 2, false);
    Dim rows = b.shape(matrix)[0], columns = b.shape(matrix)[1], right = width - left - columns;
    std::vector<Value> parts;
    if (left != Dim(0)) parts.push_back(zeros(call, dtype, {rows, left}));
    if (columns != Dim(0)) parts.push_back(matrix);
    if (right != Dim(0)) parts.push_back(zeros(call, dtype, {rows, right}));
    if (rows != Dim(0)) bands.push_back(join(call, parts, 1));
    left += columns;
  }
  call.result(join(call, bands, 0));
}

}  // namespace

void register_join(Registry& registry) {
  registry.add("aten::cat aten::concat aten::concatenate", lower_cat);
  registry.add("aten::stack", lower_stack);
  registry.add("aten::hstack", lower_hstack);
  registry.add("aten::vstack aten::row_stack", lower_vstack);
  registry.add("aten::dstack", lower_dstack);
  registry.add("aten::column_stack", lower_column_stack);
  registry.add("aten::repeat aten::tile", lower_repeat);
  registry.add("aten::repeat_interleave", lower_repeat_interleave, "counts must be constants");
  registry.add("aten::roll", lower_roll);
  registry.add("aten::flip", lower_flip);
  registry.add("aten::fliplr", lower_fliplr);
  registry.add("aten::flipud", lower_flipud);
  registry.add("aten::rot90", lower_rot90);
  registry.add("aten::meshgrid", lower_meshgrid);
  registry.add("aten::cartesian_prod", lower_cartesian_prod);
  registry.add("aten::pad_sequence", lower_pad_sequence);
  registry.add("aten::combinations", lower_combinations, "the length must be static");
  registry.add("aten::broadcast_tensors", lower_broadcast_tensors);
  registry.add("aten::block_diag", lower_block_diag);
}

}  // namespace torch2nnef
