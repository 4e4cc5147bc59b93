#include "export/record/masked_items.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "export/record/aliases/cells.h"
#include "export/record/masked_operators.h"
#include "export/record/same_computation.h"
#include "export/sizes/axis_argument.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;
using Arguments = std::vector<std::pair<std::string, TapeArgument>>;

constexpr const char* kSelected = "#selected_";

// A value on the Tape that holds only the items of `whole` where `mask` is true: the mask's axes, of which `axis` is
// the first, are one axis of it.
struct Masked {
  TapeValue whole, mask;
  std::size_t axis = 0;
};

bool is_mask(const TapeValueInfo& info) {
  const bool is_type = info.type == ScalarType::kBool || info.type == ScalarType::kUInt8;
  return is_type && !info.constant && !info.shape.empty();
}

// The only mask of an index, and the axis that it begins at; no value when there is none, or something else beside it.
std::pair<TapeValue, std::size_t> only_mask(const Tape& tape, const TapeCall& call) {
  const TapeArgument* indices = call.find("indices");
  std::pair<TapeValue, std::size_t> found;
  std::size_t axis = 0;
  if (!indices || !indices->list()) return found;
  for (const TapeArgument& item : *indices->list()) {
    if (item.is_none()) {
      ++axis;
    } else if (found.first || !item.value() || !is_mask(tape.info(*item.value()))) {
      return {};
    } else {
      found = {*item.value(), axis};
    }
  }
  return found;
}

class Resolver {
 public:
  explicit Resolver(TapeWriter& writer) : writer_(writer), tape_(writer.tape()) {}

  void run() {
    std::vector<TapeCall> calls = std::exchange(tape_.calls, {});
    for (TapeCall& call : calls) {
      if (!replace(call)) tape_.calls.push_back(std::move(call));
      note_maker();
    }
  }

 private:
  // True when what the call computes is computed otherwise now, by calls that were added.
  bool replace(const TapeCall& call) {
    if (call.results.empty() || !call.results[0] || call.refused) return false;
    // A place among the selected items is none among all.
    const bool is_one = std::none_of(call.results.begin() + 1, call.results.end(),
                                     [&](TapeValue other) { return other && info(other).wanted; });
    if (!is_one) return false;
    if (select_items(call)) return false;
    const std::vector<Masked> masked = masked_arguments(call);
    if (masked.empty()) return false;
    return write_items(call) || reduce(call, masked) || compute_rows(call, masked) || compute(call, masked);
  }

  void note_maker() {
    for (TapeValue result : tape_.calls.back().results) {
      if (result) makers_[result] = tape_.calls.size() - 1;
    }
  }

  const TapeValueInfo& info(TapeValue value) const { return tape_.info(value); }
  std::size_t rank_of_mask(const Masked& masked) const { return info(masked.mask).shape.size(); }

  TapeValue add(const char* op, const char* overload, Arguments arguments, ScalarType type, Shape shape) {
    TapeValueInfo result;
    result.type = type;
    result.shape = std::move(shape);
    const TapeValue value = writer_.call1(op, overload, std::move(arguments), std::move(result), where_);
    note_maker();
    return value;
  }

  // The last call that was added computes the result of `call`.
  bool takes_place_of(const TapeCall& call) {
    tape_.calls.back().results = call.results;
    return true;
  }

  // x[mask] and masked_select: the call stays, for whoever needs its result as it is.
  bool select_items(const TapeCall& call) {
    where_ = call.where;
    const TapeArgument* self = call.find("self");
    const MaskUse use = row_of(call.op).masks;
    if (use == MaskUse::kIndexes && self && self->value()) {
      const auto [mask, axis] = only_mask(tape_, call);
      if (mask) masked_[call.results[0]] = {*self->value(), mask, axis};
      return static_cast<bool>(mask);
    }
    const TapeArgument* mask = call.find("mask");
    if (use != MaskUse::kSelects || !self || !mask || !is_mask(info(*mask->value()))) return false;
    const Shape shape = nnef::broadcast(info(*self->value()).shape, info(*mask->value()).shape);
    masked_[call.results[0]] = {expanded(*self->value(), shape), expanded(*mask->value(), shape), 0};
    return true;
  }

  TapeValue expanded(TapeValue value, const Shape& shape) {
    if (info(value).shape == shape) return value;
    return add("aten::expand", "", {{"self", {value}}, {"size", dims_argument(shape)}}, info(value).type, shape);
  }

  std::vector<Masked> masked_arguments(const TapeCall& call) const {
    std::vector<Masked> found;
    for (const auto& [name, argument] : call.arguments) {
      if (!argument.value()) continue;
      if (const auto masked = masked_.find(*argument.value()); masked != masked_.end()) found.push_back(masked->second);
    }
    return found;
  }

  const Masked* find(const TapeCall& call, std::string_view name) const {
    const TapeArgument* argument = call.find(name);
    const auto found = argument && argument->value() ? masked_.find(*argument->value()) : masked_.end();
    return found == masked_.end() ? nullptr : &found->second;
  }

  bool same(const Masked& a, const Masked& b) const {
    return a.axis == b.axis && computes_the_same(tape_, makers_, a.mask, b.mask);
  }

  // --- masks as tensors of bools that broadcast to the whole ---

  TapeValue wide_mask(TapeValue mask, std::size_t axes_behind) {
    Shape shape = info(mask).shape;
    if (info(mask).type != ScalarType::kBool) {
      mask = add("aten::to", "dtype", {{"self", {mask}}, {"dtype", {std::string("bool")}}}, ScalarType::kBool, shape);
    }
    if (axes_behind == 0) return mask;
    shape.insert(shape.end(), axes_behind, Dim(1));
    return add("aten::reshape", "", {{"self", {mask}}, {"shape", dims_argument(shape)}}, ScalarType::kBool, shape);
  }
  TapeValue wide_mask(const Masked& masked) {
    return wide_mask(masked.mask, info(masked.whole).shape.size() - masked.axis - rank_of_mask(masked));
  }

  // The whole with `fill` where the mask is not true.
  TapeValue filled(const Masked& masked, const TapeArgument& fill) {
    const TapeValue mask = wide_mask(masked);
    const TapeValue others = add("aten::logical_not", "", {{"self", {mask}}}, ScalarType::kBool, info(mask).shape);
    return add("aten::masked_fill", "Scalar", {{"self", {masked.whole}}, {"mask", {others}}, {"value", fill}},
               info(masked.whole).type, info(masked.whole).shape);
  }

  // --- x[mask] = items that the same mask selected ---

  bool write_items(const TapeCall& call) {
    const MaskUse use = row_of(call.op).masks;
    const bool is_put = use == MaskUse::kPuts;
    const Masked* values = find(call, is_put ? "values" : "source");
    if ((!is_put && use != MaskUse::kScatters) || !values || !call.find("self")->value()) return false;
    Masked target{*call.find("self")->value(), {}, 0};
    if (is_put) {
      std::tie(target.mask, target.axis) = only_mask(tape_, call);
    } else {
      target.mask = *call.find("mask")->value();
    }
    if (!target.mask || !same(target, *values) || info(target.whole).shape != info(values->whole).shape) return false;
    if (info(target.whole).type != info(values->whole).type) return false;
    const TapeArgument* accumulates = call.find("accumulate");
    const bool* adds = accumulates ? std::get_if<bool>(&accumulates->is) : nullptr;
    const TapeValueInfo facts = info(target.whole);
    TapeValue written = values->whole;
    if (adds && *adds) {
      written = add("aten::add", "Tensor", {{"self", {target.whole}}, {"other", {written}}}, facts.type, facts.shape);
    }
    add("aten::where", "self", {{"condition", {wide_mask(*values)}}, {"self", {written}}, {"other", {target.whole}}},
        facts.type, facts.shape);
    return takes_place_of(call);
  }

  // --- over the selected items: the others become items that change no result ---

  // The axes that the call names, as it counts them; all where it names none.
  std::set<std::size_t> named_axes(const TapeCall& call, const Masked& masked) const {
    const std::size_t rank = info(masked.whole).shape.size() - rank_of_mask(masked) + 1;
    const TapeArgument* dim = call.find("dim");
    std::set<std::size_t> axes;
    if (has_axes(call)) {
      for (const TapeArgument& axis : dim->list() ? *dim->list() : TapeList{*dim})
        axes.insert(as_axis(axis, rank).value());
    } else {
      for (std::size_t axis = 0; axis < rank; ++axis) axes.insert(axis);
    }
    return axes;
  }
  static bool has_axes(const TapeCall& call) {
    const TapeArgument* dim = call.find("dim");
    return dim && (std::holds_alternative<Dim>(dim->is) || (dim->list() && !dim->list()->empty()));
  }

  // The mask's axes as one, as the call sees them.
  TapeValue merged(TapeValue whole, const Masked& masked) {
    if (rank_of_mask(masked) == 1) return whole;
    Shape shape = info(whole).shape;
    Dim items(1);
    for (std::size_t i = 0; i < rank_of_mask(masked); ++i) items *= shape[masked.axis + i];
    const auto begin = shape.begin() + static_cast<std::ptrdiff_t>(masked.axis);
    shape.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(rank_of_mask(masked)));
    shape[masked.axis] = items;
    return add("aten::reshape", "", {{"self", {whole}}, {"shape", dims_argument(shape)}}, info(whole).type, shape);
  }

  // How many items go into each result.
  TapeValue count(const Masked& masked, TapeValue seen, const std::set<std::size_t>& axes) {
    Dim others(1);
    for (std::size_t axis : axes) {
      if (axis != masked.axis) others *= info(seen).shape[axis];
    }
    const TapeValue selected = add("aten::sum", "", {{"self", {wide_mask(masked.mask, 0)}}}, ScalarType::kInt64, {});
    if (others == Dim(1)) return selected;
    return add("aten::mul", "Scalar", {{"self", {selected}}, {"other", {others}}}, ScalarType::kInt64, {});
  }

  bool reduce(const TapeCall& call, const std::vector<Masked>& arguments) {
    if (arguments.size() != 1 || !find(call, "self")) return false;
    const Masked& masked = arguments[0];
    const auto neutral = neutral_item(tape_, call);
    const std::set<std::size_t> axes = named_axes(call, masked);
    if (!neutral || axes.count(masked.axis) == 0) return false;
    const TapeValue seen = merged(filled(masked, *neutral), masked);
    TapeCall reduction = with_self(call, seen);
    if (row_of(call.op).number != NumberOp::kMean) {
      tape_.calls.push_back(std::move(reduction));
      return true;
    }
    const TapeValueInfo result = info(call.results[0]);
    const TapeValue sum = add("aten::sum", has_axes(call) ? "dim_IntList" : "", std::move(reduction.arguments),
                              result.type, result.shape);
    add("aten::div", "Tensor", {{"self", {sum}}, {"other", {count(masked, seen, axes)}}}, result.type, result.shape);
    return takes_place_of(call);
  }

  static TapeCall with_self(const TapeCall& call, TapeValue self) {
    TapeCall other = call;
    for (auto& [name, argument] : other.arguments) {
      if (name == "self") argument = {self};
    }
    return other;
  }

  // What is computed along other axes, or row by row, of the selected items is selected from what is computed of all.
  bool compute_rows(const TapeCall& call, const std::vector<Masked>& arguments) {
    const OperatorRow& row = row_of(call.op, call.overload);
    const Masked& masked = arguments[0];
    const bool is_layer = row.is(kLinearLayer), reduces = row.neutral != Neutral::kNone;
    if (arguments.size() != 1 || rank_of_mask(masked) != 1 || (!is_layer && !reduces && !row.is(kAlongAxis)))
      return false;
    if (!find(call, is_layer ? "input" : "self")) return false;
    const std::size_t last = info(masked.whole).shape.size() - 1;
    const std::set<std::size_t> axes = is_layer ? std::set<std::size_t>{last} : named_axes(call, masked);
    if (axes.count(masked.axis) != 0) return false;
    const TapeArgument* keepdim = call.find("keepdim");
    const bool keeps = !reduces || (keepdim && std::get_if<bool>(&keepdim->is) && std::get<bool>(keepdim->is));
    const auto before = std::count_if(axes.begin(), axes.end(), [&](std::size_t axis) { return axis < masked.axis; });
    Masked rows{{}, masked.mask, masked.axis - (keeps ? 0 : static_cast<std::size_t>(before))};
    TapeCall of_all = call;
    for (auto& [name, argument] : of_all.arguments) {
      if (argument.value() && masked_.count(*argument.value()) != 0) argument = {masked.whole};
    }
    Shape shape = info(call.results[0]).shape;
    shape.at(rows.axis) = info(masked.mask).shape[0];
    TapeValueInfo result = info(call.results[0]);
    result.shape = std::move(shape);
    rows.whole = writer_.call1(call.op, call.overload, std::move(of_all.arguments), std::move(result), where_);
    note_maker();
    masked_[call.results[0]] = rows;
    return false;  // the call stays as well, for whoever needs its result as it is
  }

  // --- what is computed item by item is computed of all items ---

  // An operand beside selected items, as it lies beside all of them; no value when it does not broadcast to them.
  TapeValue beside(TapeValue operand, const Masked& masked) {
    Shape shape = info(operand).shape;
    const std::size_t behind = info(masked.whole).shape.size() - masked.axis - rank_of_mask(masked);
    if (shape.size() <= behind) return operand;
    const std::size_t place = shape.size() - behind - 1;
    if (shape[place] != Dim(1)) return {};
    if (rank_of_mask(masked) == 1) return operand;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(place), rank_of_mask(masked) - 1, Dim(1));
    return add("aten::reshape", "", {{"self", {operand}}, {"shape", dims_argument(shape)}}, info(operand).type, shape);
  }

  bool compute(const TapeCall& call, const std::vector<Masked>& arguments) {
    const Masked& first = arguments[0];
    const bool one_mask =
        std::all_of(arguments.begin(), arguments.end(), [&](const Masked& m) { return same(m, first); });
    const Shape& seen = info(call.results[0]).shape;
    const std::size_t mask_rank = rank_of_mask(first), rank = info(first.whole).shape.size() - mask_rank + 1;
    if (!one_mask || !is_itemwise(tape_, call) || seen.size() != rank) return false;
    Arguments with;
    for (const auto& [name, argument] : call.arguments) {
      TapeArgument taken = argument;
      if (const TapeValue* value = argument.value()) {
        const auto masked = masked_.find(*value);
        taken = {masked != masked_.end() ? masked->second.whole : beside(*value, first)};
        if (!*taken.value()) return false;
      }
      with.emplace_back(name, std::move(taken));
    }
    Shape shape = seen;
    const auto place = shape.begin() + static_cast<std::ptrdiff_t>(first.axis);
    shape.insert(shape.erase(place), info(first.mask).shape.begin(), info(first.mask).shape.end());
    const TapeValue whole =
        add(call.op.c_str(), call.overload.c_str(), std::move(with), info(call.results[0]).type, std::move(shape));
    masked_[call.results[0]] = {whole, first.mask, first.axis};
    return false;  // the call stays as well, for whoever needs its result as it is
  }

  TapeWriter& writer_;
  Tape& tape_;
  Location where_;
  std::map<TapeValue, Masked> masked_;
  std::map<TapeValue, std::size_t> makers_;  // calls that were added, by their results
};

}  // namespace

std::string selected_size_name(const Tape& tape) {
  int count = 0;
  for (const auto& [name, size] : tape.worlds.front()) count += name.starts_with(kSelected);
  return kSelected + std::to_string(count);
}

void resolve_masked_items(TapeWriter& writer) {
  Tape& tape = writer.tape();
  const bool selects = std::any_of(tape.calls.begin(), tape.calls.end(), [&](const TapeCall& call) {
    const MaskUse use = row_of(call.op).masks;
    return use == MaskUse::kSelects || (use == MaskUse::kIndexes && only_mask(tape, call).first);
  });
  if (!selects) return;
  writer.mark_wanted();
  Resolver(writer).run();
  writer.mark_wanted();
  for (TapeValueInfo& info : tape.values) {
    const bool is_selected = std::any_of(info.shape.begin(), info.shape.end(), [](const Dim& dim) {
      const std::set<std::string> symbols = dim.symbols();
      return std::any_of(symbols.begin(), symbols.end(), [](const auto& name) { return name.starts_with(kSelected); });
    });
    if (is_selected && !info.wanted) info.shape.clear();
  }
  for (nnef::Bindings& sizes : tape.worlds) {
    std::erase_if(sizes, [](const auto& size) { return size.first.starts_with(kSelected); });
  }
}

}  // namespace torch2nnef
