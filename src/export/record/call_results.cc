#include "export/record/call_results.h"

#include <algorithm>
#include <map>

#include "export/operators/operators.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/masked_items.h"
#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"
#include "export/sizes/shape_rules.h"

namespace torch2nnef {
namespace {

// Splitting operators are kept as the slice or select that each result is, so that one can be repeated alone.
std::optional<ViewStep> step_of_part(const std::string& op, const NamedArguments& arguments, const nnef::Shape& base,
                                     const std::vector<nnef::Shape>& parts, std::size_t index) {
  const Parts parts_of_base = row_of(op).parts;
  if (parts_of_base == Parts::kNone) return std::nullopt;
  std::int64_t axis = 0;
  nnef::Dim start(0);
  for (const auto& [name, argument] : arguments) {
    const auto* dim = std::get_if<nnef::Dim>(&argument.is);
    if (name == "dim" && dim) axis = dim->value();
    if (name == "start" && !dim) return ViewStep{"aten::narrow", "", arguments};  // a place that a tensor holds
    if (name == "start") start = *dim;
  }
  auto place = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(base.size()) : axis);
  TapeArgument dim{nnef::Dim(static_cast<std::int64_t>(place))};
  if (parts_of_base == Parts::kSelects) {
    return ViewStep{"aten::select", "int", {{"dim", dim}, {"index", {nnef::Dim(static_cast<std::int64_t>(index))}}}};
  }
  if (start.constant() && *start.constant() < 0) start = start + base.at(place);
  for (std::size_t before = 0; before < index; ++before) start += parts[before].at(place);
  return ViewStep{
      "aten::slice",
      "Tensor",
      {{"dim", dim}, {"start", {start}}, {"end", {start + parts[index].at(place)}}, {"step", {nnef::Dim(1)}}}};
}

// What a mask selects: the mask's axes as one, of a size that only the values of inputs say. It gets a name of its own,
// for as long as the recording lasts. Nullopt when the call is another.
std::optional<nnef::Shape> selected_shape(Tape& tape, const Cells& cells, const c10::FunctionSchema& schema,
                                          const Slots& inputs, const std::vector<at::Tensor>& worlds) {
  const MaskUse use = row_of(schema.name()).masks;
  const bool takes_all = use == MaskUse::kSelects;
  if (!takes_all && use != MaskUse::kIndexes) return std::nullopt;
  const CellPtr self = cells.find(inputs.at(0).sample().toTensor());
  std::size_t first = 0, width = 0, place = 0;
  for (const c10::IValue& item : items_of(inputs.at(1).sample())) {
    if (item.isNone()) {
      ++place;
      continue;
    }
    const at::Tensor& mask = item.toTensor();
    const bool is_mask = mask.scalar_type() == at::kBool || mask.scalar_type() == at::kByte;
    if (!is_mask || width > 0 || mask.dim() == 0) return std::nullopt;
    first = place;
    width = static_cast<std::size_t>(mask.dim());
  }
  if (!self || (width == 0 && !takes_all)) return std::nullopt;
  const std::string count = selected_size_name(tape);
  nnef::Shape shape = takes_all ? nnef::Shape{} : self->shape;
  if (!takes_all) {
    const auto begin = shape.begin() + static_cast<std::ptrdiff_t>(first);
    shape.erase(begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(first), nnef::Dim::symbol(count));
  for (std::size_t world = 0; world < worlds.size(); ++world) {
    tape.worlds[world][count] = worlds[world].size(static_cast<std::int64_t>(first));
  }
  return shape;
}

// The memory behind a tensor has a known layout where the tensor fills it from its beginning, in its order.
void check_strides(const Slots& inputs) {
  const bool is_from_start = inputs.size() > 3 && inputs[3].sample().isInt();
  for (std::size_t world = 0; world < inputs[0].worlds.size(); ++world) {
    const at::Tensor self = inputs[0].worlds[world].toTensor();
    std::int64_t last = is_from_start ? inputs[3].worlds[world].toInt() - self.storage_offset() : 0;
    const bool begins_inside = last >= 0;
    const std::vector<std::int64_t> sizes = inputs[1].worlds[world].toIntVector(),
                                    strides = inputs[2].worlds[world].toIntVector();
    for (std::size_t axis = 0; axis < sizes.size(); ++axis)
      last += std::max<std::int64_t>(sizes[axis] - 1, 0) * strides.at(axis);
    const bool is_shifted = is_from_start && self.storage_offset() != 0;
    if (self.is_contiguous() && begins_inside && !is_shifted && last < std::max<std::int64_t>(self.numel(), 1))
      continue;
    throw Unsupported("as_strided reads the memory behind a tensor in another order or beyond its end",
                      "apply it to a contiguous copy (.contiguous().clone()), or write it with slices or unfold");
  }
}

nnef::Shape explained(RecordContext& context, const std::string& op, const NamedArguments& arguments,
                      const std::vector<at::Tensor>& worlds, ResultPlace place) {
  std::vector<std::vector<std::int64_t>> sizes;
  for (const at::Tensor& world : worlds) {
    sizes.push_back(world.sizes().vec());
    if (sizes.back().size() != sizes.front().size()) {
      throw WorldFailed("the rank of the result of " + op + " depends on a dynamic size", context.here(), "T2N-R006");
    }
  }
  ExplainedShape known = explain_shape(context.tape.tape(), op, arguments, sizes, place);
  for (std::size_t axis : known.guessed) {
    context.diagnostics.note("T2N-R018",
                             "the size " + known.shape[axis].to_string() + " of axis " + std::to_string(axis) +
                                 " of the result of " + op +
                                 " is guessed: it has that size wherever the model was executed",
                             context.here());
  }
  return std::move(known.shape);
}

}  // namespace

// Operators whose results are as long as the values of their arguments say.
bool CallResults::has_shape_from_data(const c10::FunctionSchema& schema, const Slots& inputs) {
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  bool from_data = row.is(kShapeFromData);
  if (!row.length_argument.empty()) {
    const auto place = schema.argumentIndexWithName(std::string(row.length_argument));
    from_data = place && context_.is_live(inputs.at(static_cast<std::size_t>(*place)).sample());
  }
  if (row.is(kLengthFromNumbers)) {
    const auto number =
        std::find_if(inputs.begin(), inputs.end(), [](const Slot& in) { return in.note.kind == Note::Kind::kData; });
    if (number != inputs.end()) {
      from_data = true;
      context_.refuse(
          "T2N-R007",
          "how long the result of " + schema.name() + " is depends on the values of an input (" + number->note.text +
              ")",
          "take the length from the size of an axis, as in torch.arange(x.size(1)), and mask what is too much",
          schema.name());
    }
  }
  const auto total = schema.argumentIndexWithName("total_length");
  const bool is_padded =
      row.packing == Packing::kPads && total && inputs.at(static_cast<std::size_t>(*total)).sample().toInt() > 0;
  if (is_padded) return false;  // as long as it is told
  for (const Slot& input : inputs) {
    for (const at::Tensor& tensor : tensors_in(input.sample())) {
      if (!tensor.defined()) continue;
      CellPtr cell = context_.cells.find(tensor);
      from_data = from_data || (cell && cell->shape_from_data);
      // A mask as an index selects as many items as it has true ones.
      const bool is_index = row.masks == MaskUse::kIndexes && &input != &inputs[0];
      from_data = from_data || (is_index && cell && Cells::live(*cell) &&
                                (tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte));
    }
  }
  return from_data;
}

// What depends on nothing must be the same at all sizes.
void CallResults::check_constants(const c10::FunctionSchema& schema, const Flat& results) {
  for (const std::vector<at::Tensor>& result : results) {
    for (const at::Tensor& world : result) {
      if (!world.defined() || world.is_same(result.front())) continue;
      if (!equal_or_nan(world, result.front())) {
        context_.refuse("T2N-R008",
                        "the result of " + schema.name() +
                            " depends on a dynamic size, and no expression of sizes for it was found",
                        "make that axis static", schema.name());
        return;
      }
    }
  }
}

// A dynamic axis that squeeze would take away at size 1 changes the rank of the result there.
void CallResults::constrain_squeeze(const c10::FunctionSchema& schema, const Slots& inputs) {
  if (!row_of(schema.name()).is(kDropsOnes) || context_.world_count() < 2) return;
  const nnef::Shape shape = context_.cells.of(inputs[0].sample().toTensor())->shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis].is_constant()) continue;
    bool is_named = inputs.size() < 2;
    if (inputs.size() > 1 && inputs[1].sample().isInt()) {
      std::int64_t named = inputs[1].sample().toInt();
      is_named = static_cast<std::size_t>(named < 0 ? named + static_cast<std::int64_t>(shape.size()) : named) == axis;
    }
    if (is_named)
      context_.constrain(comparison_note({shape[axis], 1}, "!=", {nnef::Dim(1), 1}), true,
                         "the rank of what squeeze returns");
  }
}

// Results flattened, [result][world].
CallResults::Flat CallResults::flattened(const std::string& op, const Slots& results) {
  Flat flat;
  for (const Slot& result : results) {
    std::vector<std::vector<at::Tensor>> per_world;
    for (const c10::IValue& world : result.worlds) per_world.push_back(tensors_in(world));
    for (const auto& world : per_world) {
      if (world.size() != per_world.front().size()) {
        throw WorldFailed(
            "the number of results of " + op + " depends on a dynamic size", context_.here(), "T2N-R006", "",
            "make that axis static, or script the model and read the parts one by one in a loop (for i in "
            "range(x.size(0)): x[i], or for part in x.unbind(0))");
      }
    }
    for (std::size_t i = 0; i < per_world.front().size(); ++i) {
      flat.emplace_back();
      for (const auto& world : per_world) flat.back().push_back(world[i]);
    }
  }
  return flat;
}

// Makes the results known: each a view of an argument whose memory it shares, else a tensor of its own.
void CallResults::add_cells(const c10::FunctionSchema& schema, const Slots& inputs, const Flat& flat,
                            const std::vector<nnef::Shape>& shapes, const std::vector<TapeValue>& values,
                            bool recorded) {
  auto base_of = [&](const at::Tensor& tensor) -> std::pair<const at::Tensor, std::string> {
    if (!storage_of(tensor)) return {};
    for (std::size_t i = 0; i < inputs.size() && i < schema.arguments().size(); ++i) {
      for (const at::Tensor& argument : tensors_in(inputs[i].sample())) {
        if (storage_of(argument) == storage_of(tensor)) return {argument, schema.arguments()[i].name()};
      }
    }
    return {};
  };
  std::optional<NamedArguments> plain;   // of views, made once
  std::map<const void*, CellPtr> fresh;  // storages of this call's own results
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const at::Tensor& tensor = flat[i].front();
    if (!tensor.defined() || context_.cells.find(tensor)) continue;
    auto [base, base_argument] = base_of(tensor);
    if (!base.defined()) {
      CellPtr cell = context_.cells.add_root(tensor, shapes[i], recorded, values[i]);
      auto [other, is_first] = fresh.try_emplace(storage_of(tensor), cell);
      if (!is_first && storage_of(tensor)) {
        cell->not_writable = other->second->not_writable = "results of " + schema.name() + " share their memory";
      }
      continue;
    }
    CellPtr base_cell = context_.cells.of(base);
    if (recorded && !Cells::live(*base_cell)) {
      // A view of a constant whose size is dynamic.
      CellPtr cell = context_.cells.add_root(tensor, shapes[i], true, values[i]);
      cell->not_writable = "a view of a constant with a dynamic size";
      Cells::root(*base_cell).not_writable = cell->not_writable;
      continue;
    }
    if (!plain) plain = arguments_.without_base(schema, inputs);
    std::optional<ViewStep> step = step_of_part(schema.name(), *plain, base_cell->shape, shapes, i);
    if (!step) {
      step = step_of(schema, inputs, base_argument, recorded);
      step->result = i;
      step->results = flat.size();
    }
    context_.cells.add_view(tensor, shapes[i], base, std::move(*step), values[i]);
  }
}

// The call itself, to be repeated on a newer base or undone.
ViewStep CallResults::step_of(const c10::FunctionSchema& schema, const Slots& inputs, const std::string& base,
                              bool recorded) {
  ViewStep step{schema.name(), schema.overload_name(), {}, base};
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& formal = schema.arguments()[i];
    if (formal.name() == base) continue;
    if (!recorded && !tensors_in(inputs[i].sample()).empty()) continue;
    step.arguments.emplace_back(formal.name(), arguments_.one(inputs[i], formal, schema.name()));
  }
  return step;
}

nnef::Shape CallResults::explain(const std::string& op, const NamedArguments& arguments,
                                 const std::vector<at::Tensor>& worlds) {
  return explained(context_, op, arguments, worlds, {});
}

std::vector<TapeValue> CallResults::write_call(const c10::FunctionSchema& schema, NamedArguments arguments,
                                               const std::vector<TapeValueInfo>& infos, bool recorded) {
  if (recorded) {
    return context_.tape.call(schema.name(), schema.overload_name(), std::move(arguments), infos, context_.here());
  }
  if (context_.folded) {
    const std::string result = std::string(to_string(infos.front().type)) + nnef::to_string(infos.front().shape);
    context_.folded->push_back({schema.name(), context_.here(), result, context_.tape.tape().calls.size()});
  }
  return std::vector<TapeValue>(infos.size());
}

void CallResults::add(const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results, bool recorded) {
  const Flat flat = flattened(schema.name(), results);
  bool all_known = std::all_of(flat.begin(), flat.end(), [&](const auto& result) {
    return !result.front().defined() || context_.cells.find(result.front());
  });
  if (all_known) return;  // each is an argument itself

  NamedArguments arguments;
  std::vector<TapeValueInfo> infos;
  std::vector<nnef::Shape> shapes;
  if (recorded) arguments = arguments_.all(schema, inputs);
  for (const auto& result : flat) {
    if (!result.front().defined()) {
      infos.emplace_back();
      shapes.emplace_back();
      continue;
    }
    const ResultPlace place{shapes.size(), flat.size()};
    const bool is_selected = recorded && context_.world_count() > 1 && has_shape_from_data(schema, inputs);
    const auto selected =
        is_selected ? selected_shape(context_.tape.tape(), context_.cells, schema, inputs, result) : std::nullopt;
    shapes.push_back(selected   ? *selected
                     : recorded ? explained(context_, schema.name(), arguments, result, place)
                                : nnef::make_shape(result.front().sizes().vec()));
    infos.push_back(facts_of(result.front(), shapes.back()));
  }
  if (recorded && row_of(schema.name()).is(kByStrides)) check_strides(inputs);
  if (!recorded && context_.world_count() > 1) check_constants(schema, flat);
  bool from_data = recorded && has_shape_from_data(schema, inputs);
  if (recorded) constrain_squeeze(schema, inputs);
  std::vector<TapeValue> values = write_call(schema, std::move(arguments), infos, recorded);
  for (std::size_t i = 0; i < values.size(); ++i) context_.take_fingerprint(values[i], flat[i]);
  add_cells(schema, inputs, flat, shapes, values, recorded);
  for (const auto& result : flat) {
    if (from_data && result.front().defined() && result.front().dim() > 0)
      context_.cells.of(result.front())->shape_from_data = true;
  }
}

}  // namespace torch2nnef
