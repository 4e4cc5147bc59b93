#include "export/record/regions/sized_lists.h"

#include <algorithm>

#include "export/record/ivalues.h"
#include "export/record/numbers/size_math.h"
#include "export/record/operator_recorder.h"
#include "export/record/regions/rounds.h"

namespace torch2nnef {
namespace {

using nnef::Dim;

constexpr const char* kHint =
    "join all items by torch.stack or torch.cat and go on with that tensor, or make that axis static";

bool is_list(const Slot& slot) { return !slot.worlds.empty() && slot.sample().isTensorList(); }

bool takes_list(const c10::FunctionSchema& schema) {
  return !schema.returns().empty() && schema.returns()[0].type()->kind() == c10::TypeKind::ListType;
}

// What is read off the tensors that stand for a list is what the list holds.
void check_same(const Slot& seen, const Slot& read) {
  for (std::size_t world = 0; world < seen.worlds.size(); ++world) {
    if (!equal_or_nan(seen.worlds[world].toTensor(), read.worlds[world].toTensor())) {
      throw Unsupported("a list that is as long as a dynamic size, or its items, are written to after it was made",
                        kHint);
    }
  }
}

// The argument of that name, if the schema has it.
const Slot* argument(const c10::FunctionSchema& schema, const Slots& inputs, const char* name) {
  const auto place = schema.argumentIndexWithName(name);
  return place ? &inputs.at(static_cast<std::size_t>(*place)) : nullptr;
}

// Whether an operator cuts an axis of that size into parts of one item each.
bool cuts_into_ones(const c10::FunctionSchema& schema, const Slots& inputs, const Dim& size) {
  if (const Slot* length = argument(schema, inputs, "split_size")) {
    return length->sample().isInt() && !length->note && length->sample().toInt() == 1;
  }
  const Slot* count = argument(schema, inputs, "chunks");
  if (!count) count = argument(schema, inputs, "sections");
  return count && count->sample().isInt() && count->note.kind == Note::Kind::kSizes &&
         count->note.ratio.denominator == 1 && count->note.ratio.numerator == size;
}

}  // namespace

const SizedLists::Known* SizedLists::find(const Slot& slot) const {
  const auto found = is_list(slot) ? lists_.find(slot.sample().internalToPointer()) : lists_.end();
  return found == lists_.end() ? nullptr : &found->second;
}

const SizedLists::Growing* SizedLists::find_growing(const Slot& slot) const {
  const auto found = is_list(slot) ? growing_.find(slot.sample().internalToPointer()) : growing_.end();
  return found == growing_.end() ? nullptr : &found->second;
}

bool SizedLists::takes(const c10::FunctionSchema& schema, const Slots& inputs) const {
  if ((lists_.empty() && growing_.empty()) || row_of(schema.name()).is(kSameObject)) return false;
  return !inputs.empty() && is_list(inputs[0]) &&
         std::any_of(inputs.begin(), inputs.end(), [&](const Slot& one) { return find(one) || find_growing(one); });
}

ListRuns SizedLists::runs_of(const Slot& list) const {
  const std::size_t size = list.sample().toListRef().size();
  for (const c10::IValue& world : list.worlds) {
    if (!find(list) && world.toListRef().size() != size)
      throw Unsupported("a list is as long as a dynamic size", kHint);
  }
  return runs_before(list, size);
}

// Of a list that is not known, its first items.
ListRuns SizedLists::runs_before(const Slot& list, std::size_t size) const {
  if (const Known* known = find(list)) return known->runs;
  ListRuns runs;
  for (std::size_t i = 0; i < size; ++i) {
    ListRun run;
    run.is_item = true;
    for (const c10::IValue& world : list.worlds) run.tensor.worlds.push_back(world.toListRef()[i]);
    runs.push_back(std::move(run));
  }
  return runs;
}

void SizedLists::set(const Slot& list, ListRuns runs) {
  const Dim length = length_of(runs);
  for (std::size_t world = 0; world < list.worlds.size(); ++world) {
    const auto size = static_cast<std::int64_t>(list.worlds[world].toListRef().size());
    if (length.evaluate(recorder_.context().worlds()[world]) == size) continue;
    throw Unsupported("a list is as long as a dynamic size, in a way that no expression says", kHint);
  }
  lists_[list.sample().internalToPointer()] = {list.sample(), std::move(runs)};
}

std::vector<at::Tensor> SizedLists::tensors_of(const Slot& list) const {
  std::vector<at::Tensor> tensors;
  if (const Known* known = find(list)) {
    for (const ListRun& run : known->runs) tensors.push_back(run.tensor.sample().toTensor());
  }
  return tensors;
}

void SizedLists::keep(const at::Tensor& tensor) {
  Cells& cells = recorder_.context().cells;
  cells.root_of(cells.of(tensor))->not_writable =
      "what a loop over a dynamic axis or a list of such length holds as well";
}

ListRun SizedLists::united(const Slot& list) {
  const ListRuns runs = runs_of(list);
  if (runs.size() == 1) return runs.front();
  ListRun one;
  one.tensor = joined(recorder_, runs, 0, true);
  one.length = length_of(runs);
  for (const ListRun& run : runs) keep(run.tensor.sample().toTensor());
  keep(one.tensor.sample().toTensor());
  return one;
}

Dim SizedLists::place_of(const Slot& index, const Dim& length) const {
  if (index.note && (index.note.kind != Note::Kind::kSizes || index.note.ratio.denominator != 1)) {
    throw Unsupported("an item of a list that is as long as a dynamic size is taken at a place that no expression says",
                      "join the items by torch.stack, and take that one by torch.index_select");
  }
  const Dim place = index.note ? index.note.ratio.numerator : Dim(index.sample().toInt());
  std::size_t from_end = 0;
  for (const c10::IValue& world : index.worlds) from_end += world.toInt() < 0 ? 1 : 0;
  if (from_end == 0) return place;
  if (from_end == index.worlds.size()) return length + place;
  throw Unsupported("a place in a list counts from its end at some sizes, and not at others", "write it without that");
}

std::optional<Slots> SizedLists::parts(const Callee& callee, const Slots& inputs) {
  RecordContext& context = recorder_.context();
  const c10::FunctionSchema& schema = callee.schema;
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  if (row.parts == Parts::kNone || context.world_count() < 2 || !takes_list(schema)) return std::nullopt;
  const Slot* dim = argument(schema, inputs, "dim");
  const CellPtr cell = context.cells.of(inputs.at(0).sample().toTensor());
  if (!dim || dim->note || cell->shape.empty()) return std::nullopt;
  ListRun run;
  run.axis = dim->sample().toInt();
  if (run.axis < 0) run.axis += static_cast<std::int64_t>(cell->shape.size());
  const auto place = static_cast<std::size_t>(run.axis);
  if (place >= cell->shape.size() || cell->shape[place].is_constant()) return std::nullopt;
  run.length = cell->shape[place];
  run.keeps_axis = row.parts == Parts::kSlices;
  if (run.keeps_axis && !cuts_into_ones(schema, inputs, run.length)) return std::nullopt;
  run.tensor = inputs[0];
  Slots results = execute(context, callee, inputs);
  nnef::Shape shape = cell->shape;
  shape[place] = 1;
  if (!run.keeps_axis) shape.erase(shape.begin() + run.axis);
  for (const at::Tensor& item : tensors_in(results.at(0).sample())) context.cells.add_root(item, shape, true, {});
  set(results[0], {run});
  return results;
}

std::optional<Slots> SizedLists::call(const Callee& callee, const Slots& inputs) {
  if (auto made = parts(callee, inputs)) return made;
  if (!takes(callee.schema, inputs)) return std::nullopt;
  if (const Growing* list = find_growing(inputs[0])) return call_growing(callee, inputs, *list);
  if (std::any_of(inputs.begin(), inputs.end(), [&](const Slot& one) { return find_growing(one) != nullptr; }))
    recorder_.context().no_scan("it reads a list that it appends to");
  const OperatorRow& row = row_of(callee.schema.name(), callee.schema.overload_name());
  if (row.shape == ShapeRule::kStack) return join(callee, inputs, true);
  if (row.shape == ShapeRule::kConcatenate) return join(callee, inputs, false);
  if (row.number == NumberOp::kAdd && inputs.size() == 2 && is_list(inputs[0]) && is_list(inputs[1]))
    return concatenated(callee, inputs);
  if (row.metadata == Metadata::kLength) return Slots{size_slot(recorder_.context(), length_of(runs_of(inputs[0])))};
  return step(row.list, callee, inputs);
}

std::optional<Slots> SizedLists::call_growing(const Callee& callee, const Slots& inputs, const Growing& list) {
  RecordContext& context = recorder_.context();
  const OperatorRow& row = row_of(callee.schema.name(), callee.schema.overload_name());
  const std::size_t size = inputs[0].sample().toListRef().size();
  const Dim length = list.length + Dim(static_cast<std::int64_t>(size - list.size));
  const bool extends = row.number == NumberOp::kAdd && callee.schema.arguments()[0].alias_info() != nullptr;
  if (row.list == ListStep::kAppend || extends) return execute(context, callee, inputs);
  if (row.metadata == Metadata::kLength) return Slots{size_slot(context, length)};
  const bool is_known = list.has_last || size > list.size;
  if (row.list == ListStep::kGetItem && is_known && place_of(inputs.at(1), length) == length - 1) {
    Slot last;
    for (const c10::IValue& world : inputs[0].worlds) last.worlds.push_back(world.toListRef().back());
    return Slots{last};
  }
  context.no_scan("it reads more of a list that it appends to than its last item");
}

Slots SizedLists::step(ListStep step, const Callee& callee, const Slots& inputs) {
  RecordContext& context = recorder_.context();
  const Slot& list = inputs[0];
  ListRuns runs;
  bool is_new = false;
  switch (step) {
    case ListStep::kGetItem:
      return {item(list, inputs.at(1), execute(context, callee, inputs).at(0))};
    case ListStep::kPop: {
      const Slot taken = item(list, inputs.at(1), {});
      runs = popped(list, inputs[1]);
      check_same(execute(context, callee, inputs).at(0), taken);
      set(list, std::move(runs));
      return {taken};
    }
    case ListStep::kAppend:
    case ListStep::kInsert: {
      ListRun one;
      one.is_item = true;
      one.tensor = inputs.back();
      runs = runs_of(list);
      const bool is_first = step == ListStep::kInsert && !inputs[1].note && inputs[1].sample().toInt() == 0;
      if (step == ListStep::kInsert && !is_first) {
        throw Unsupported("an item is put into the middle of a list that is as long as a dynamic size",
                          "put it at the front (insert(0, item)) or at the end (append(item))");
      }
      runs.insert(is_first ? runs.begin() : runs.end(), std::move(one));
      break;
    }
    case ListStep::kExtend:
      return concatenated(callee, inputs);
    case ListStep::kReverse:
      runs = reversed(runs_of(list));
      break;
    case ListStep::kSlice:
      runs = {sliced(context, united(list), inputs)};
      is_new = true;
      break;
    case ListStep::kCopy:
      runs = runs_of(list);
      is_new = true;
      break;
    default:
      throw Unsupported(callee.schema.name() + " takes a list that is as long as a dynamic size", kHint);
  }
  Slots results = execute(context, callee, inputs);
  set(is_new ? results.at(0) : list, std::move(runs));
  return results;
}

// `seen`: what the list holds there, if that was looked up.
Slot SizedLists::item(const Slot& list, const Slot& index, const Slot& seen) {
  const ListRun run = united(list);
  const Slot taken = item_of(recorder_, run, place_of(index, run.length));
  if (!seen.worlds.empty()) check_same(seen, taken);
  return taken;
}

ListRuns SizedLists::popped(const Slot& list, const Slot& index) {
  const std::int64_t place = index.sample().toInt();
  if (index.note || (place != 0 && place != -1)) {
    throw Unsupported("an item is taken out of the middle of a list that is as long as a dynamic size",
                      "take the first (pop(0)) or the last one (pop())");
  }
  const Slot none = same_slot(recorder_.context(), c10::IValue());
  const Slot one = same_slot(recorder_.context(), std::int64_t{1});
  const Slot end = same_slot(recorder_.context(), std::int64_t{-1});
  return {sliced(recorder_.context(), united(list), {list, place == 0 ? one : none, place == 0 ? none : end, one})};
}

Slots SizedLists::concatenated(const Callee& callee, const Slots& inputs) {
  ListRuns runs = runs_of(inputs[0]);
  const ListRuns more = runs_of(inputs.at(1));
  runs.insert(runs.end(), more.begin(), more.end());
  Slots results = execute(recorder_.context(), callee, inputs);
  const auto* alias = callee.schema.arguments()[0].alias_info();
  set(alias && alias->isWrite() ? inputs[0] : results.at(0), std::move(runs));
  return results;
}

Slots SizedLists::join(const Callee& callee, const Slots& inputs, bool stacks) {
  RecordContext& context = recorder_.context();
  if (!is_list(inputs[0]) || inputs.size() != 2 || inputs[1].note) {
    throw Unsupported(callee.schema.name() + " takes a list that is as long as a dynamic size", kHint);
  }
  Slots results = execute(context, callee, inputs);
  const at::Tensor& result = results.at(0).sample().toTensor();
  std::int64_t dim = inputs[1].sample().toInt();
  if (dim < 0) dim += result.dim();
  const Slot all = joined(recorder_, runs_of(inputs[0]), dim, stacks);
  check_same(results[0], all);
  const nnef::Shape shape = context.cells.of(all.sample().toTensor())->shape;
  context.cells.add_root(result, shape, true, context.read(all.sample().toTensor()));
  return results;
}

void SizedLists::fill(const Slot& list, const std::vector<std::size_t>& before, TapeValue stacked) {
  RecordContext& context = recorder_.context();
  const nnef::Shape shape = context.tape.info(stacked).shape;
  ListRun run;
  run.length = shape.at(0);
  ListRuns runs = runs_before(list, before.front());
  for (std::size_t world = 0; world < list.worlds.size(); ++world) {
    c10::List<at::Tensor> items = list.worlds[world].toTensorList();
    std::vector<at::Tensor> added;
    for (std::size_t i = before.at(world); i < items.size(); ++i) added.push_back(items.get(i));
    const at::Tensor whole = at::stack(added);
    for (std::size_t i = 0; i < added.size(); ++i) {
      const at::Tensor item = whole.select(0, static_cast<std::int64_t>(i));
      if (world == 0) context.cells.add_root(item, {shape.begin() + 1, shape.end()}, true, {});
      items.set(before[world] + i, item);
    }
    run.tensor.worlds.emplace_back(whole);
  }
  context.cells.add_root(run.tensor.sample().toTensor(), shape, true, stacked);
  keep(run.tensor.sample().toTensor());
  runs.push_back(std::move(run));
  set(list, std::move(runs));
}

Slot SizedLists::last(const Slot& list) {
  Slot item;
  for (const c10::IValue& world : list.worlds) item.worlds.push_back(world.toListRef().back());
  return find(list) ? this->item(list, same_slot(recorder_.context(), std::int64_t{-1}), item) : item;
}

void SizedLists::begin_round(const Slot& list, bool has_last) {
  growing_[list.sample().internalToPointer()] = {length_of(runs_of(list)) + Dim::symbol(kRoundNumber),
                                                 list.sample().toListRef().size(), has_last};
}

}  // namespace torch2nnef
