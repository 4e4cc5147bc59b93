#include "export/record/masked_items.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "export/record/aliases/cells.h"
#include "export/record/masked_operators.h"
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
    if (call.results.size() != 1 || !call.results[0] || call.refused) return false;
    if (select_items(call)) return false;
    const std::vector<Masked> masked = masked_arguments(call);
    if (masked.empty()) return false;
    return write_items(call) || reduce(call, masked) || compute(call, masked);
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

  // --- whether two masks are one: the same value, or the same computation ---

  bool same(TapeValue a, TapeValue b, int depth = 0) const {
    if (a == b) return true;
    const auto left = makers_.find(a), right = makers_.find(b);
    if (depth > 6 || left == makers_.end() || right == makers_.end()) return false;
    const TapeCall &x = tape_.calls[left->second], &y = tape_.calls[right->second];
    if (x.op != y.op || x.overload != y.overload || x.results.size() != 1 || x.arguments.size() != y.arguments.size())
      return false;
    for (std::size_t i = 0; i < x.arguments.size(); ++i) {
      if (!same(x.arguments[i].second, y.arguments[i].second, depth + 1)) return false;
    }
    return true;
  }
  bool same(const TapeArgument& a, const TapeArgument& b, int depth) const {
    if (a.is.index() != b.is.index()) return false;
    if (a.value()) return same(*a.value(), *b.value(), depth);
    if (a.list()) {
      return std::equal(a.list()->begin(), a.list()->end(), b.list()->begin(), b.list()->end(),
                        [&](const TapeArgument& x, const TapeArgument& y) { return same(x, y, depth); });
    }
    if (const auto* dim = std::get_if<Dim>(&a.is)) return *dim == std::get<Dim>(b.is);
    if (const auto* number = std::get_if<double>(&a.is)) return *number == std::get<double>(b.is);
    if (const auto* flag = std::get_if<bool>(&a.is)) return *flag == std::get<bool>(b.is);
    const auto* text = std::get_if<std::string>(&a.is);
    return a.is_none() || (text && *text == std::get<std::string>(b.is));
  }
  bool same(const Masked& a, const Masked& b) const { return a.axis == b.axis && same(a.mask, b.mask); }

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

  // --- sums, means, extremes over the selected items ---

  // The axes of the whole that the call reduces; empty when it leaves the selected items apart.
  std::vector<std::size_t> reduced_axes(const TapeCall& call, const Masked& masked) const {
    const std::size_t mask_rank = rank_of_mask(masked), rank = info(masked.whole).shape.size();
    const TapeArgument* dim = call.find("dim");
    std::vector<std::int64_t> named;
    if (dim && dim->list()) {
      for (const TapeArgument& item : *dim->list()) named.push_back(std::get<Dim>(item.is).value());
    } else if (dim && std::holds_alternative<Dim>(dim->is)) {
      named.push_back(std::get<Dim>(dim->is).value());
    }
    std::set<std::size_t> axes;
    for (std::size_t axis = 0; named.empty() && axis < rank; ++axis) axes.insert(axis);
    for (std::int64_t axis : named) {
      const auto place =
          static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank - mask_rank + 1) : axis);
      if (place < masked.axis) axes.insert(place);
      if (place > masked.axis) axes.insert(place + mask_rank - 1);
      for (std::size_t i = 0; place == masked.axis && i < mask_rank; ++i) axes.insert(masked.axis + i);
    }
    return axes.count(masked.axis) > 0 ? std::vector<std::size_t>(axes.begin(), axes.end())
                                       : std::vector<std::size_t>{};
  }

  // How many items go into each result.
  TapeValue count(const Masked& masked, const std::vector<std::size_t>& axes) {
    Dim others(1);
    for (std::size_t axis : axes) {
      const bool is_selected = axis >= masked.axis && axis < masked.axis + rank_of_mask(masked);
      if (!is_selected) others *= info(masked.whole).shape[axis];
    }
    const TapeValue selected = add("aten::sum", "", {{"self", {wide_mask(masked.mask, 0)}}}, ScalarType::kInt64, {});
    if (others == Dim(1)) return selected;
    return add("aten::mul", "Scalar", {{"self", {selected}}, {"other", {others}}}, ScalarType::kInt64, {});
  }

  bool reduce(const TapeCall& call, const std::vector<Masked>& arguments) {
    const NumberOp over_all = row_of(call.op).number;
    const auto neutral = neutral_item(over_all, info(arguments[0].whole).type);
    if (!neutral || arguments.size() != 1 || !find(call, "self") || call.find("other")) return false;
    const Masked& masked = arguments[0];
    const std::vector<std::size_t> axes = reduced_axes(call, masked);
    if (axes.empty()) return false;
    TapeList dims;
    Shape shape = info(masked.whole).shape;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      dims.insert(dims.begin(), TapeArgument{Dim(static_cast<std::int64_t>(*axis))});
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(*axis));
    }
    const TapeValueInfo result = info(call.results[0]);
    const Reduction reduction = reduction_over_axes(over_all);
    Arguments with{{"self", {filled(masked, *neutral)}}, {"dim", {dims}}, {"keepdim", {false}}};
    if (const TapeArgument* dtype = call.find("dtype"); dtype && reduction.takes_dtype)
      with.emplace_back("dtype", *dtype);
    TapeValue value = add(reduction.op, reduction.overload, std::move(with), result.type, shape);
    if (over_all == NumberOp::kMean) {
      value = add("aten::div", "Tensor", {{"self", {value}}, {"other", {count(masked, axes)}}}, result.type, shape);
    }
    if (result.shape != shape) {
      add("aten::reshape", "", {{"self", {value}}, {"shape", dims_argument(result.shape)}}, result.type, result.shape);
    }
    return takes_place_of(call);
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
