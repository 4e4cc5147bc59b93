// How a write through a view is carried back to its base, by the operator that made the view.

#include <algorithm>

#include "export/diagnostics.h"
#include "export/operators/operators.h"
#include "export/record/aliases/cells.h"

namespace torch2nnef {
namespace {

const TapeArgument* argument_of(const ViewStep& step, const std::string& name) {
  for (const auto& [key, argument] : step.arguments) {
    if (key == name) return &argument;
  }
  return nullptr;
}

TapeArgument inverse_permutation(const TapeArgument& dims) {
  std::int64_t rank = static_cast<std::int64_t>(dims.list()->size());
  TapeList inverse(dims.list()->size());
  std::int64_t place = 0;
  for (const TapeArgument& item : *dims.list()) {
    std::int64_t axis = std::get<nnef::Dim>(item.is).value();
    inverse.at(static_cast<std::size_t>(axis < 0 ? axis + rank : axis)) = {nnef::Dim(place++)};
  }
  return {std::move(inverse)};
}

// The slice from a place that a tensor holds.
std::vector<std::pair<std::string, TapeArgument>> slice_of_narrow(TapeWriter& tape, const ViewStep& step,
                                                                  const Location& where) {
  const TapeArgument start = *argument_of(step, "start");
  TapeValueInfo place;
  place.type = tape.tape().info(*start.value()).type;
  const TapeValue end =
      tape.call1("aten::add", "Scalar",
                 {{"self", start}, {"other", *argument_of(step, "length")}, {"alpha", {nnef::Dim(1)}}}, place, where);
  return {{"dim", *argument_of(step, "dim")}, {"start", start}, {"end", {end}}, {"step", {nnef::Dim(1)}}};
}

}  // namespace

TapeArgument dims_argument(const nnef::Shape& shape) {
  TapeList list;
  for (const nnef::Dim& dim : shape) list.push_back({dim});
  return {std::move(list)};
}

bool is_invertible(const ViewStep& step) {
  if (row_of(step.op, step.overload).undo == Undo::kNone) return false;
  // A view that reads the bytes as another dtype is "aten::view" too.
  return !argument_of(step, "dtype");
}

TapeValue scattered(TapeWriter& tape, const ViewStep& step, const TapeValueInfo& base_facts, TapeValue base,
                    TapeValue value, const Location& where) {
  const Undo way = row_of(step.op, step.overload).undo;
  auto arguments = step.arguments;
  auto scatter = [&](const char* op) {
    arguments.emplace_back("self", TapeArgument{base});
    arguments.emplace_back("src", TapeArgument{value});
    return tape.call1(op, "", arguments, base_facts, where);
  };
  auto undo = [&](const std::string& op, const std::string& overload) {
    arguments.emplace_back("self", TapeArgument{value});
    return tape.call1(op, overload, arguments, base_facts, where);
  };
  switch (way) {
    case Undo::kSelect:
      return scatter("aten::select_scatter");
    case Undo::kSlice:
      if (argument_of(step, "length")) arguments = slice_of_narrow(tape, step, where);
      return scatter("aten::slice_scatter");
    case Undo::kDiagonal:
      return scatter("aten::diagonal_scatter");
    case Undo::kSameCall:
      return undo(step.op, step.overload);
    case Undo::kPermute:
      arguments = {{"dims", inverse_permutation(*argument_of(step, "dims"))}};
      return undo("aten::permute", "");
    case Undo::kMovedim:
      for (auto& [name, argument] : arguments) name = name == "source" ? "destination" : "source";
      return undo(step.op, step.overload);
    case Undo::kSame:
      return value;
    case Undo::kReshape:
    case Undo::kNone:  // not asked for, see is_invertible
      break;
  }
  return tape.call1("aten::reshape", "", {{"self", {value}}, {"shape", dims_argument(base_facts.shape)}}, base_facts,
                    where);
}

}  // namespace torch2nnef
