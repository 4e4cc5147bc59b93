// Results of a call: what they are views of, what their sizes are, and the call on the Tape.

#include <algorithm>
#include <map>

#include "export/record/fingerprints.h"
#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

// Equal, NaNs too.
bool same_items(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  if (a.is_quantized()) return at::equal(a, b);
  at::Tensor both_nan = a.ne(a).logical_and(b.ne(b));
  return a.eq(b).logical_or(both_nan).all().item<bool>();
}

// Splitting operators are kept as the slice or select that each result is, so that one can be repeated alone.
std::optional<ViewStep> step_of_part(const std::string& op,
                                     const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                     const nnef::Shape& base, const std::vector<nnef::Shape>& parts,
                                     std::size_t index) {
  static const std::map<std::string, bool> kSplits = {{"aten::split", true},
                                                      {"aten::split_with_sizes", true},
                                                      {"aten::chunk", true},
                                                      {"aten::unsafe_chunk", true},
                                                      {"aten::unsafe_split", true},
                                                      {"aten::tensor_split", true},
                                                      {"aten::unsafe_split_with_sizes", true},
                                                      {"aten::narrow", true},
                                                      {"aten::unbind", false}};
  auto found = kSplits.find(op);
  if (found == kSplits.end()) return std::nullopt;
  std::int64_t axis = 0;
  nnef::Dim start(0);
  for (const auto& [name, argument] : arguments) {
    const auto* dim = std::get_if<nnef::Dim>(&argument.is);
    if (name == "dim" && dim) axis = dim->value();
    if (name == "start") {
      if (!dim) return std::nullopt;
      start = *dim;
    }
  }
  auto place = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(base.size()) : axis);
  TapeArgument dim{nnef::Dim(static_cast<std::int64_t>(place))};
  if (!found->second) {
    return ViewStep{"aten::select", "int", {{"dim", dim}, {"index", {nnef::Dim(static_cast<std::int64_t>(index))}}}};
  }
  if (start.constant() && *start.constant() < 0) start = start + base.at(place);
  for (std::size_t before = 0; before < index; ++before) start += parts[before].at(place);
  return ViewStep{
      "aten::slice",
      "Tensor",
      {{"dim", dim}, {"start", {start}}, {"end", {start + parts[index].at(place)}}, {"step", {nnef::Dim(1)}}}};
}

}  // namespace

// Operators whose results are as long as the values of their arguments say.
bool Recorder::has_shape_from_data(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  static const std::set<std::string> kNames = {
      "aten::nonzero",       "aten::nonzero_numpy",      "aten::argwhere",
      "aten::masked_select", "aten::unique_dim",         "aten::_unique",
      "aten::_unique2",      "aten::unique_consecutive", "aten::unique_dim_consecutive",
      "aten::bincount",      "torchvision::nms",         "aten::_pack_padded_sequence",
      "aten::tensor_split"};
  bool from_data =
      kNames.count(schema.name()) > 0 && !(schema.name() == "aten::tensor_split" && !inputs[1].sample().isTensor());
  if (schema.name() == "aten::where" && inputs.size() == 1) from_data = true;
  if (schema.name() == "aten::repeat_interleave") {
    for (const Slot& input : inputs) from_data = from_data || (&input != &inputs[0] && is_live(input.sample()));
    from_data = from_data || (inputs.size() < 3 && is_live(inputs[0].sample()));
  }
  for (const Slot& input : inputs) {
    for (const at::Tensor& tensor : tensors_in(input.sample())) {
      if (!tensor.defined()) continue;
      CellPtr cell = cells_.find(tensor);
      from_data = from_data || (cell && cell->shape_from_data);
      // A mask as an index selects as many items as it has true ones.
      bool is_index = schema.name() == "aten::index" && &input != &inputs[0];
      from_data = from_data || (is_index && cell && Cells::live(*cell) &&
                                (tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte));
    }
  }
  return from_data;
}

// What depends on nothing must be the same at all sizes.
void Recorder::check_constants(const c10::FunctionSchema& schema, const std::vector<std::vector<at::Tensor>>& results) {
  for (const std::vector<at::Tensor>& result : results) {
    for (const at::Tensor& world : result) {
      if (!world.defined() || world.is_same(result.front())) continue;
      if (!same_items(world, result.front())) {
        refuse("T2N-R008",
               "the result of " + schema.name() + " depends on a dynamic size in a way that is not understood",
               "make that axis static", schema.name());
        return;
      }
    }
  }
}

// A dynamic axis that squeeze would take away at size 1 changes the rank of the result there.
void Recorder::constrain_squeeze(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  if (schema.name() != "aten::squeeze" || world_count() < 2) return;
  const nnef::Shape shape = cells_.of(inputs[0].sample().toTensor())->shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis].is_constant()) continue;
    bool is_named = inputs.size() < 2;
    if (inputs.size() > 1 && inputs[1].sample().isInt()) {
      std::int64_t named = inputs[1].sample().toInt();
      is_named = static_cast<std::size_t>(named < 0 ? named + static_cast<std::int64_t>(shape.size()) : named) == axis;
    }
    if (is_named)
      constrain(comparison_note({shape[axis], 1}, "!=", {nnef::Dim(1), 1}), true, "the rank of what squeeze returns");
  }
}

// Results flattened, [result][world].
std::vector<std::vector<at::Tensor>> Recorder::flattened(const std::string& op, const std::vector<Slot>& results) {
  std::vector<std::vector<at::Tensor>> flat;
  for (const Slot& result : results) {
    std::vector<std::vector<at::Tensor>> per_world;
    for (const c10::IValue& world : result.worlds) per_world.push_back(tensors_in(world));
    for (const auto& world : per_world) {
      if (world.size() != per_world.front().size()) {
        throw WorldFailed("the number of results of " + op + " depends on a dynamic size", here(), "T2N-R006");
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
void Recorder::add_cells(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                         const std::vector<std::vector<at::Tensor>>& flat, const std::vector<nnef::Shape>& shapes,
                         const std::vector<TapeValue>& values, bool recorded) {
  auto base_of = [&](const at::Tensor& tensor) -> std::pair<const at::Tensor, std::string> {
    if (!storage_of(tensor)) return {};
    for (std::size_t i = 0; i < inputs.size() && i < schema.arguments().size(); ++i) {
      for (const at::Tensor& argument : tensors_in(inputs[i].sample())) {
        if (storage_of(argument) == storage_of(tensor)) return {argument, schema.arguments()[i].name()};
      }
    }
    return {};
  };
  std::optional<std::vector<std::pair<std::string, TapeArgument>>> plain;  // of views, made once
  std::map<const void*, CellPtr> fresh;                                    // storages of this call's own results
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const at::Tensor& tensor = flat[i].front();
    if (!tensor.defined() || cells_.find(tensor)) continue;
    auto [base, base_argument] = base_of(tensor);
    if (!base.defined()) {
      CellPtr cell = cells_.add_root(tensor, shapes[i], recorded, values[i]);
      auto [other, is_first] = fresh.try_emplace(storage_of(tensor), cell);
      if (!is_first && storage_of(tensor)) {
        cell->not_writable = other->second->not_writable = "results of " + schema.name() + " share their memory";
      }
      continue;
    }
    CellPtr base_cell = cells_.of(base);
    if (recorded && !Cells::live(*base_cell)) {
      // A view of a constant whose size is dynamic.
      CellPtr cell = cells_.add_root(tensor, shapes[i], true, values[i]);
      cell->not_writable = "a view of a constant with a dynamic size";
      Cells::root(*base_cell).not_writable = cell->not_writable;
      continue;
    }
    ViewStep step;
    if (!plain) plain = tape_arguments(schema, inputs, false);
    if (auto part = step_of_part(schema.name(), *plain, base_cell->shape, shapes, i)) {
      step = std::move(*part);
    } else {
      step = {schema.name(), schema.overload_name(), {}, base_argument, i, flat.size()};
      for (std::size_t a = 0; a < schema.arguments().size(); ++a) {
        const c10::Argument& formal = schema.arguments()[a];
        if (formal.name() == base_argument) continue;
        if (!recorded && !tensors_in(inputs[a].sample()).empty()) continue;
        step.arguments.emplace_back(formal.name(), tape_argument(inputs[a], formal, schema.name()));
      }
    }
    cells_.add_view(tensor, shapes[i], base, std::move(step), values[i]);
  }
}

void Recorder::take_fingerprint(TapeValue value, const std::vector<at::Tensor>& worlds) {
  if (fingerprints_ == nullptr || !value) return;
  const auto id = static_cast<std::size_t>(value.id);
  if (fingerprints_->size() <= id) fingerprints_->resize(id + 1);
  std::vector<std::vector<Fingerprint>>& taken = (*fingerprints_)[id];
  if (!taken.empty()) return;
  for (const at::Tensor& world : worlds) taken.push_back(fingerprints_of(world));
}

void Recorder::record_results(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                              std::vector<Slot>& results, bool recorded) {
  std::vector<std::vector<at::Tensor>> flat = flattened(schema.name(), results);
  bool all_known = std::all_of(flat.begin(), flat.end(), [&](const auto& result) {
    return !result.front().defined() || cells_.find(result.front());
  });
  if (all_known) return;  // each is an argument itself

  std::vector<std::pair<std::string, TapeArgument>> arguments;
  std::vector<TapeValueInfo> infos;
  std::vector<nnef::Shape> shapes;
  if (recorded) arguments = tape_arguments(schema, inputs, true);
  for (const auto& result : flat) {
    if (!result.front().defined()) {
      infos.emplace_back();
      shapes.emplace_back();
      continue;
    }
    shapes.push_back(recorded ? explain(schema.name(), arguments, result)
                              : nnef::make_shape(result.front().sizes().vec()));
    infos.push_back(facts_of(result.front(), shapes.back()));
  }
  if (!recorded && world_count() > 1) check_constants(schema, flat);
  bool from_data = recorded && has_shape_from_data(schema, inputs);
  if (recorded) constrain_squeeze(schema, inputs);
  std::vector<TapeValue> values(flat.size());
  if (recorded) {
    values = tape_.call(schema.name(), schema.overload_name(), arguments, infos, here());
  } else if (folded_) {
    const std::string result = std::string(to_string(infos.front().type)) + nnef::to_string(infos.front().shape);
    folded_->push_back({schema.name(), here(), result, tape_.tape().calls.size()});
  }

  for (std::size_t i = 0; i < values.size(); ++i) take_fingerprint(values[i], flat[i]);
  add_cells(schema, inputs, flat, shapes, values, recorded);
  for (const auto& result : flat) {
    if (from_data && result.front().defined() && result.front().dim() > 0)
      cells_.of(result.front())->shape_from_data = true;
  }
}

}  // namespace torch2nnef
