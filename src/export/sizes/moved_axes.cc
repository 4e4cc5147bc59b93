#include "export/sizes/moved_axes.h"

#include "export/operators/operators.h"
#include "export/sizes/axis_argument.h"

namespace torch2nnef {
namespace {

using nnef::Shape;

std::optional<Shape> permuted(const NamedArguments& arguments, const Shape& self) {
  const TapeArgument* dims = find_argument(arguments, "dims");
  if (!dims || !dims->list() || dims->list()->size() != self.size()) return std::nullopt;
  Shape shape;
  for (const TapeArgument& item : *dims->list()) {
    const auto axis = as_axis(item, self.size());
    if (!axis) return std::nullopt;
    shape.push_back(self[*axis]);
  }
  return shape;
}

std::optional<Shape> swapped(std::optional<std::size_t> a, std::optional<std::size_t> b, Shape shape) {
  if (!a || !b) return std::nullopt;
  std::swap(shape[*a], shape[*b]);
  return shape;
}

// transpose names its axes dim0 and dim1, swapaxes axis0 and axis1.
std::optional<std::size_t> either_axis(const NamedArguments& arguments, std::initializer_list<std::string_view> names,
                                       std::size_t rank) {
  for (std::string_view name : names) {
    if (find_argument(arguments, name)) return axis_of(arguments, name, rank);
  }
  return std::nullopt;
}

// movedim: the axes `source` come to the places `destination`, the others fill the rest in order.
std::optional<Shape> moved(const NamedArguments& arguments, const Shape& self) {
  const TapeArgument *from = find_argument(arguments, "source"), *to = find_argument(arguments, "destination");
  if (!from || !to) return std::nullopt;
  const auto items = [](const TapeArgument& argument) {
    return argument.list() ? *argument.list() : TapeList{argument};
  };
  const TapeList sources = items(*from), destinations = items(*to);
  if (sources.size() != destinations.size()) return std::nullopt;
  std::vector<std::optional<std::size_t>> source_at(self.size());
  std::vector<bool> is_moved(self.size(), false);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto source = as_axis(sources[i], self.size()), destination = as_axis(destinations[i], self.size());
    if (!source || !destination) return std::nullopt;
    source_at[*destination] = *source;
    is_moved[*source] = true;
  }
  Shape shape;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < self.size(); ++axis) {
    if (source_at[axis]) {
      shape.push_back(self[*source_at[axis]]);
      continue;
    }
    while (next < self.size() && is_moved[next]) ++next;
    if (next == self.size()) return std::nullopt;
    shape.push_back(self[next++]);
  }
  return shape;
}

std::optional<Shape> with_one(std::optional<std::size_t> axis, Shape shape) {
  if (!axis) return std::nullopt;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*axis), nnef::Dim(1));
  return shape;
}

std::optional<Shape> without(std::optional<std::size_t> axis, Shape shape) {
  if (!axis) return std::nullopt;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(*axis));
  return shape;
}

std::optional<Shape> with_pairs(Shape shape) {
  shape.emplace_back(2);
  return shape;
}

std::optional<Shape> flattened(const NamedArguments& arguments, const Shape& self) {
  const auto begin = find_argument(arguments, "start_dim") ? axis_of(arguments, "start_dim", self.size()) : 0;
  const auto end = find_argument(arguments, "end_dim") ? axis_of(arguments, "end_dim", self.size()) : self.size() - 1;
  if (!begin || !end || *begin > *end) return std::nullopt;
  Shape shape(self.begin(), self.begin() + static_cast<std::ptrdiff_t>(*begin));
  nnef::Dim product(1);
  for (std::size_t axis = *begin; axis <= *end; ++axis) product *= self[axis];
  shape.push_back(product);
  shape.insert(shape.end(), self.begin() + static_cast<std::ptrdiff_t>(*end) + 1, self.end());
  return shape;
}

// Reductions: the axes of `dim` (a number, a list, or none for all) are dropped, or stay with size 1.
std::optional<Shape> reduced(const NamedArguments& arguments, const Shape& self) {
  const TapeArgument* dim = find_argument(arguments, "dim");
  const bool* keeps = std::get_if<bool>(&find_argument(arguments, "keepdim")->is);
  if (!dim || !keeps) return std::nullopt;
  const bool takes_all = dim->is_none();
  std::vector<bool> is_reduced(self.size(), takes_all);
  for (const TapeArgument& item : takes_all ? TapeList{} : dim->list() ? *dim->list() : TapeList{*dim}) {
    const auto axis = as_axis(item, self.size());
    if (!axis) return std::nullopt;
    is_reduced[*axis] = true;
  }
  Shape shape;
  for (std::size_t axis = 0; axis < self.size(); ++axis) {
    if (!is_reduced[axis]) shape.push_back(self[axis]);
    if (is_reduced[axis] && *keeps) shape.emplace_back(1);
  }
  return shape;
}

// A bound of a slice; one that counts from the end is taken to be a number. Clamped: at most the size, or at least 0
// when it counts from the end, in the forms that the lowering of a slice writes.
std::optional<nnef::Dim> bound(const NamedArguments& arguments, const std::string& name, const nnef::Dim& size,
                               const nnef::Dim& missing, bool is_clamped) {
  constexpr std::int64_t kUnbounded = std::int64_t{1} << 62;  // Python's default end arrives as the largest int64
  const TapeArgument* argument = find_argument(arguments, name);
  if (!argument || argument->is_none()) return missing;
  const nnef::Dim* dim = std::get_if<nnef::Dim>(&argument->is);
  if (!dim) return std::nullopt;
  const std::int64_t number = dim->constant().value_or(0);
  if (number >= kUnbounded) return size;
  if (number < 0) return is_clamped ? max(size + *dim, 0) : size + *dim;
  return is_clamped ? min(*dim, size) : *dim;
}

std::optional<Shape> sliced(const NamedArguments& arguments, Shape shape, bool is_clamped) {
  const auto axis = axis_of(arguments, "dim", shape.size());
  const TapeArgument* argument = find_argument(arguments, "step");
  const nnef::Dim* step = argument ? std::get_if<nnef::Dim>(&argument->is) : nullptr;
  if (!axis || !step || !step->is_constant()) return std::nullopt;
  const nnef::Dim size = shape[*axis];
  const auto begin = bound(arguments, "start", size, 0, is_clamped);
  const auto end = bound(arguments, "end", size, size, is_clamped);
  if (!begin || !end) return std::nullopt;
  shape[*axis] = ceil_div(*end - *begin, *step);
  return shape;
}

std::optional<Shape> narrowed(const NamedArguments& arguments, Shape shape) {
  const auto axis = axis_of(arguments, "dim", shape.size());
  const TapeArgument* argument = find_argument(arguments, "length");
  if (!argument) argument = find_argument(arguments, "k");
  const nnef::Dim* length = argument ? std::get_if<nnef::Dim>(&argument->is) : nullptr;
  if (!axis || !length) return std::nullopt;
  shape[*axis] = *length;
  return shape;
}

// The axis that a diagonal makes of two comes last.
std::optional<Shape> diagonal(std::optional<std::size_t> rows, std::optional<std::size_t> columns,
                              const TapeArgument* offset, const Shape& self) {
  const nnef::Dim* shift = offset ? std::get_if<nnef::Dim>(&offset->is) : nullptr;
  if (!rows || !columns || *rows == *columns || !shift || !shift->is_constant()) return std::nullopt;
  const nnef::Dim right = max(*shift, 0), down = max(-*shift, 0);
  Shape shape;
  for (std::size_t axis = 0; axis < self.size(); ++axis) {
    if (axis != *rows && axis != *columns) shape.push_back(self[axis]);
  }
  shape.push_back(max(min(self[*rows] - down, self[*columns] - right), 0));
  return shape;
}

// Axes that are symbolic are not 1 where the model is recorded, and the recorder excludes 1.
std::optional<Shape> squeezed(const NamedArguments& arguments, const Shape& self) {
  std::optional<std::size_t> only;
  if (find_argument(arguments, "dim")) {
    only = axis_of(arguments, "dim", self.size());
    if (!only) return std::nullopt;
  }
  Shape shape;
  for (std::size_t axis = 0; axis < self.size(); ++axis) {
    if (self[axis] != nnef::Dim(1) || (only && *only != axis)) shape.push_back(self[axis]);
  }
  return shape;
}

// The list of sizes in the place of the axis; a -1 among them is what is left of it.
std::optional<Shape> unflattened(const NamedArguments& arguments, const Shape& self) {
  const auto axis = axis_of(arguments, "dim", self.size());
  const TapeArgument* sizes = find_argument(arguments, "sizes");
  if (!axis || !sizes || !sizes->list()) return std::nullopt;
  Shape parts;
  nnef::Dim known(1);
  std::optional<std::size_t> open;
  for (const TapeArgument& item : *sizes->list()) {
    const nnef::Dim* dim = std::get_if<nnef::Dim>(&item.is);
    if (!dim) return std::nullopt;
    if (*dim == nnef::Dim(-1)) open = parts.size();
    if (*dim != nnef::Dim(-1)) known *= *dim;
    parts.push_back(*dim);
  }
  if (open && known == nnef::Dim(0)) return std::nullopt;
  if (open) parts[*open] = floor_div(self[*axis], known);
  Shape shape = self;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(*axis));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*axis), parts.begin(), parts.end());
  return shape;
}

std::optional<Shape> repeated(const NamedArguments& arguments, Shape shape) {
  const TapeArgument* repeats = find_argument(arguments, "repeats");
  if (!repeats || !repeats->list() || repeats->list()->size() < shape.size()) return std::nullopt;
  shape.insert(shape.begin(), repeats->list()->size() - shape.size(), nnef::Dim(1));
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const nnef::Dim* times = std::get_if<nnef::Dim>(&(*repeats->list())[axis].is);
    if (!times) return std::nullopt;
    shape[axis] *= *times;
  }
  return shape;
}

// Each item as often, along an axis or of all items in a row.
std::optional<Shape> interleaved(const NamedArguments& arguments, Shape shape) {
  const TapeArgument *repeats = find_argument(arguments, "repeats"), *dim = find_argument(arguments, "dim");
  const nnef::Dim* times = repeats ? std::get_if<nnef::Dim>(&repeats->is) : nullptr;
  if (!times) return std::nullopt;
  if (!dim || dim->is_none()) return Shape{nnef::volume(shape) * *times};
  const auto axis = axis_of(arguments, "dim", shape.size());
  if (!axis) return std::nullopt;
  shape[*axis] *= *times;
  return shape;
}

}  // namespace

std::optional<Shape> moved_axes(const std::string& op, const NamedArguments& arguments, const Shape& self) {
  const std::size_t rank = self.size();
  if (find_argument(arguments, "keepdim")) return reduced(arguments, self);
  switch (row_of(op).shape) {
    case ShapeRule::kPermute:
      return permuted(arguments, self);
    case ShapeRule::kTranspose:
      return swapped(either_axis(arguments, {"dim0", "axis0"}, rank), either_axis(arguments, {"dim1", "axis1"}, rank),
                     self);
    case ShapeRule::kMatrixTranspose:
      return rank == 2 ? swapped(0, 1, self) : rank < 2 ? std::optional<Shape>(self) : std::nullopt;
    case ShapeRule::kMovedim:
      return moved(arguments, self);
    case ShapeRule::kFlatten:
      return rank > 0 ? flattened(arguments, self) : std::nullopt;
    case ShapeRule::kSlice:
      return sliced(arguments, self, false);
    case ShapeRule::kNarrow:
      return narrowed(arguments, self);
    case ShapeRule::kDiagonal:
      return diagonal(axis_of(arguments, "dim1", rank), axis_of(arguments, "dim2", rank),
                      find_argument(arguments, "offset"), self);
    case ShapeRule::kDiag:
      return rank == 2 ? diagonal(0, 1, find_argument(arguments, "diagonal"), self) : std::nullopt;
    case ShapeRule::kUnsqueeze:
      return with_one(axis_of(arguments, "dim", rank + 1), self);
    case ShapeRule::kSelect:
      return without(axis_of(arguments, "dim", rank), self);
    case ShapeRule::kSqueeze:
      return squeezed(arguments, self);
    case ShapeRule::kUnflatten:
      return unflattened(arguments, self);
    case ShapeRule::kRepeat:
      return repeated(arguments, self);
    case ShapeRule::kRepeatInterleave:
      return interleaved(arguments, self);
    case ShapeRule::kPairs:
      return with_pairs(self);
    case ShapeRule::kFromPairs:
      return rank > 0 ? without(rank - 1, self) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Shape> clamped_slice(const NamedArguments& arguments, const Shape& self) {
  return sliced(arguments, self, true);
}

}  // namespace torch2nnef
