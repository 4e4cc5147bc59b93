#include "export/record/regions/merge.h"

#include "export/record/ivalues.h"

namespace torch2nnef {
namespace {

bool same_number(const c10::IValue& a, const c10::IValue& b) {
  if (a.isInt() && b.isInt()) return a.toInt() == b.toInt();
  if (a.isBool() && b.isBool()) return a.toBool() == b.toBool();
  return a.isDouble() && b.isDouble() && a.toDouble() == b.toDouble();
}

// The same in every world, whichever is taken.
bool are_equal(const Slot& yes, const Slot& no) {
  if (yes.note || no.note) return false;
  for (std::size_t world = 0; world < yes.worlds.size(); ++world) {
    const c10::IValue &a = yes.worlds[world], &b = no.worlds[world];
    bool same = a.isPtrType() || b.isPtrType() ? a.is(b) : same_number(a, b);
    if (a.isString() && b.isString()) same = a.toStringRef() == b.toStringRef();
    if (a.isNone() && b.isNone()) same = true;
    if (!same) return false;
  }
  return true;
}

// By world.
std::vector<c10::IValue> chosen(const Slot& condition, const Slot& yes, const Slot& no) {
  std::vector<c10::IValue> worlds;
  for (std::size_t world = 0; world < condition.worlds.size(); ++world) {
    worlds.push_back((condition.worlds[world].toBool() ? yes : no).worlds[world]);
  }
  return worlds;
}

std::string kind_text(const c10::IValue& value) { return value.isNone() ? "None" : "a " + value.tagKind(); }

std::string facts_text(const Cell& cell) { return std::string(to_string(cell.type)) + nnef::to_string(cell.shape); }

}  // namespace

Slot Merge::tensors(const Slot& condition, const Slot& yes, const Slot& no) {
  const at::Tensor &a = yes.sample().toTensor(), &b = no.sample().toTensor();
  CellPtr first = context_.cells.of(a), second = context_.cells.of(b);
  if (first->shape != second->shape || first->type != second->type) {
    throw Unsupported("one side gives " + facts_text(*first) + ", the other " + facts_text(*second));
  }
  if (first->shape_from_data || second->shape_from_data) {
    throw Unsupported("a size of what a side gives depends on the values of an input");
  }
  TapeValue value = context_.tape.call1(
      "aten::where", "self",
      {{"condition", {condition.note.scalar}}, {"self", {context_.read(a)}}, {"other", {context_.read(b)}}},
      facts_of(*first), context_.here());
  Slot result;
  for (const c10::IValue& world : chosen(condition, yes, no)) result.worlds.emplace_back(world.toTensor().clone());
  CellPtr cell = context_.cells.add_root(result.sample().toTensor(), first->shape, true, value);
  // In Python the result is one of the two: a write into it, or into what it stands for, would be seen in both.
  for (const auto& [tensor, side] : {std::pair(a, first), std::pair(b, second)}) {
    Cell& root = Cells::root(*side);
    bool is_shared = root.made_at <= began_at_ || !memory_.insert(storage_of(tensor)).second;
    if (!is_shared) continue;
    cell->not_writable = "it is one of two tensors, as the data decides at " + context_.place();
    if (root.owner.empty()) root.not_writable = cell->not_writable;
  }
  return result;
}

Slot Merge::numbers(const Slot& condition, const Slot& yes, const Slot& no) {
  for (const Slot* side : {&yes, &no}) {
    bool is_known = side->note.kind == Note::Kind::kNone || side->note.scalar ||
                    (side->note.kind == Note::Kind::kSizes && !side->sample().isBool());
    if (!is_known) throw Unsupported("one branch produces a number that cannot be exported (" + side->note.text + ")");
  }
  Slot result{chosen(condition, yes, no), {}};
  TapeValueInfo info;
  info.type = result.sample().isDouble() ? ScalarType::kFloat64
              : result.sample().isBool() ? ScalarType::kBool
                                         : ScalarType::kInt64;
  info.is_number = info.type != ScalarType::kBool;
  TapeValue value = context_.tape.call1("aten::where", "self",
                                        {{"condition", {condition.note.scalar}},
                                         {"self", {numbers_.value(yes.sample(), yes.note)}},
                                         {"other", {numbers_.value(no.sample(), no.note)}}},
                                        info, context_.here());
  result.note = Note::data(value, "a number chosen at " + context_.place());
  return result;
}

Slot Merge::items(const Slot& condition, const Slot& yes, const Slot& no) {
  std::vector<std::vector<c10::IValue>> items[2];
  const Slot* sides[2] = {&yes, &no};
  for (int side : {0, 1}) {
    for (const c10::IValue& world : sides[side]->worlds) items[side].push_back(items_of(world));
  }
  const std::size_t count = items[0].front().size();
  if (count != items[1].front().size()) throw Unsupported("the sides give lists of different length");
  std::vector<Note> notes[2] = {context_.notes.get(yes.sample()), context_.notes.get(no.sample())}, merged_notes;
  std::vector<std::vector<c10::IValue>> worlds(context_.world_count());
  for (std::size_t i = 0; i < count; ++i) {
    Slot pair[2];
    for (int side : {0, 1}) {
      for (const auto& world : items[side]) pair[side].worlds.push_back(world.at(i));
      if (i < notes[side].size()) pair[side].note = notes[side][i];
    }
    Slot item = choose(condition, pair[0], pair[1]);
    for (std::size_t world = 0; world < context_.world_count(); ++world) worlds[world].push_back(item.worlds[world]);
    merged_notes.push_back(item.note);
  }
  Slot result;
  for (std::vector<c10::IValue>& world : worlds)
    result.worlds.push_back(container_like(yes.sample(), std::move(world)));
  context_.notes.set(result.sample(), std::move(merged_notes));
  return result;
}

Slot Merge::choose(const Slot& condition, const Slot& yes, const Slot& no) {
  if (are_equal(yes, no)) return yes;
  const c10::IValue &a = yes.sample(), &b = no.sample();
  if (a.isTensor() && b.isTensor() && a.toTensor().defined() && b.toTensor().defined()) {
    return tensors(condition, yes, no);
  }
  if (is_number(a) && is_number(b) && a.tagKind() == b.tagKind()) return numbers(condition, yes, no);
  if ((a.isList() && b.isList()) || (a.isTuple() && b.isTuple())) {
    return items(condition, yes, no);
  }
  throw Unsupported("one side gives " + kind_text(a) + ", the other " + kind_text(b) +
                    (a.tagKind() == b.tagKind() ? ", which cannot be chosen by data" : ""));
}

}  // namespace torch2nnef
