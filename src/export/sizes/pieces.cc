#include "export/sizes/pieces.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/sizes/axis_argument.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;

const Dim* as_dim(const TapeArgument* argument) { return argument ? std::get_if<Dim>(&argument->is) : nullptr; }

// Pieces of that length, the last of which is what is left.
Dim even_piece(const Dim& size, const Dim& length, ResultPlace place) {
  const Dim before = Dim(static_cast<std::int64_t>(place.index)) * length;
  return place.index + 1 == place.count ? size - before : length;
}

// The first pieces are longer by one where it does not come out even.
Dim section(const Dim& size, ResultPlace place) {
  const auto count = static_cast<std::int64_t>(place.count), index = static_cast<std::int64_t>(place.index);
  return floor_div(size + Dim(count - 1 - index), Dim(count));
}

// Between two of the positions, each moved into the axis.
std::optional<Dim> between_positions(const Dim& size, const TapeList& positions, ResultPlace place) {
  const auto at = [&](std::size_t index) -> std::optional<Dim> {
    const Dim* position = as_dim(&positions[index]);
    if (!position) return std::nullopt;
    const bool from_end = position->constant().value_or(0) < 0;
    return min(max(from_end ? size + *position : *position, 0), size);
  };
  if (positions.size() + 1 != place.count) return std::nullopt;
  const std::optional<Dim> begin = place.index == 0 ? Dim(0) : at(place.index - 1);
  const std::optional<Dim> end = place.index == positions.size() ? size : at(place.index);
  if (!begin || !end) return std::nullopt;
  return *end - *begin;
}

}  // namespace

std::optional<Shape> shape_of_piece(const std::string& op, const NamedArguments& arguments, const Shape& self,
                                    ResultPlace place) {
  const TapeArgument* length = find_argument(arguments, "split_size");
  const TapeArgument* chunks = find_argument(arguments, "chunks");
  const TapeArgument* sections = find_argument(arguments, "sections");
  const TapeArgument* positions = find_argument(arguments, "indices");
  const TapeArgument* sizes = find_argument(arguments, "split_sizes");
  const OperatorRow& row = row_of(op);
  if (self.empty() || (row.shape != ShapeRule::kEvenPieces && row.shape != ShapeRule::kPieces)) return std::nullopt;
  const auto axis = row.cut_axis < 0 ? axis_of(arguments, "dim", self.size())
                                     : std::optional(std::min(static_cast<std::size_t>(row.cut_axis), self.size() - 1));
  if (!axis || *axis >= self.size()) return std::nullopt;
  const Dim& size = self[*axis];
  std::optional<Dim> piece;
  if (as_dim(length)) piece = even_piece(size, *as_dim(length), place);
  if (as_dim(chunks)) piece = even_piece(size, ceil_div(size, *as_dim(chunks)), place);
  if (as_dim(sections)) piece = section(size, place);
  if (positions && positions->list()) piece = between_positions(size, *positions->list(), place);
  if (length && length->list()) sizes = length;
  if (sizes && sizes->list() && place.index < sizes->list()->size()) {
    if (const Dim* given = as_dim(&(*sizes->list())[place.index])) piece = *given;
  }
  if (!piece) return std::nullopt;
  Shape shape = self;
  shape[*axis] = *piece;
  return shape;
}

}  // namespace torch2nnef
