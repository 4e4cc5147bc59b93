// How a write through a view is carried back to its base, by the operator that made the view.

#include <algorithm>
#include <map>

#include "export/diagnostics.h"
#include "export/record/aliases/cells.h"

namespace torch2nnef {
namespace {

enum class Inverse { kSelect, kSlice, kDiagonal, kSameCall, kPermute, kMovedim, kReshape, kNone };

const std::map<std::string, Inverse>& inverses() {
  static const std::map<std::string, Inverse> table = {
      {"aten::select", Inverse::kSelect},
      {"aten::slice", Inverse::kSlice},
      {"aten::diagonal", Inverse::kDiagonal},
      {"aten::transpose", Inverse::kSameCall},
      {"aten::swapaxes", Inverse::kSameCall},
      {"aten::swapdims", Inverse::kSameCall},
      {"aten::t", Inverse::kSameCall},
      {"aten::numpy_T", Inverse::kSameCall},
      {"aten::mT", Inverse::kSameCall},
      {"aten::permute", Inverse::kPermute},
      {"aten::movedim", Inverse::kMovedim},
      {"aten::moveaxis", Inverse::kMovedim},
      {"aten::unsqueeze", Inverse::kReshape},
      {"aten::squeeze", Inverse::kReshape},
      {"aten::view", Inverse::kReshape},
      {"aten::reshape", Inverse::kReshape},
      {"aten::_unsafe_view", Inverse::kReshape},
      {"aten::view_as", Inverse::kReshape},
      {"aten::reshape_as", Inverse::kReshape},
      {"aten::flatten", Inverse::kReshape},
      {"aten::unflatten", Inverse::kReshape},
      {"aten::ravel", Inverse::kReshape},
      {"aten::_reshape_alias", Inverse::kReshape},
      {"aten::atleast_1d", Inverse::kReshape},
      {"aten::atleast_2d", Inverse::kReshape},
      {"aten::atleast_3d", Inverse::kReshape},
      {"aten::detach", Inverse::kNone},
      {"aten::alias", Inverse::kNone},
      {"aten::contiguous", Inverse::kNone},
      {"prim::data", Inverse::kNone},
  };
  return table;
}

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

}  // namespace

TapeArgument dims_argument(const nnef::Shape& shape) {
  TapeList list;
  for (const nnef::Dim& dim : shape) list.push_back({dim});
  return {std::move(list)};
}

bool is_invertible(const ViewStep& step) {
  auto found = inverses().find(step.op);
  if (found == inverses().end()) return false;
  // A view that reads the bytes as another dtype is "aten::view" too.
  return !argument_of(step, "dtype");
}

TapeValue scattered(TapeWriter& tape, const ViewStep& step, const TapeValueInfo& base_facts, TapeValue base,
                    TapeValue value, const Location& where) {
  Inverse inverse = inverses().at(step.op);
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
  switch (inverse) {
    case Inverse::kSelect:
      return scatter("aten::select_scatter");
    case Inverse::kSlice:
      return scatter("aten::slice_scatter");
    case Inverse::kDiagonal:
      return scatter("aten::diagonal_scatter");
    case Inverse::kSameCall:
      return undo(step.op, step.overload);
    case Inverse::kPermute:
      arguments = {{"dims", inverse_permutation(*argument_of(step, "dims"))}};
      return undo("aten::permute", "");
    case Inverse::kMovedim:
      for (auto& [name, argument] : arguments) name = name == "source" ? "destination" : "source";
      return undo(step.op, step.overload);
    case Inverse::kNone:
      return value;
    case Inverse::kReshape:
      break;
  }
  return tape.call1("aten::reshape", "", {{"self", {value}}, {"shape", dims_argument(base_facts.shape)}}, base_facts,
                    where);
}

}  // namespace torch2nnef
