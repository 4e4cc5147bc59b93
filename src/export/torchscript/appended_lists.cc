#include "export/torchscript/appended_lists.h"

namespace torch2nnef {

AppendedLists::AppendedLists(OperatorRecorder& recorder, Frame& frame, const ListWrites& writes)
    : recorder_(recorder), context_(recorder.context()) {
  for (const torch::jit::Value* value : writes.appended()) {
    List list;
    list.slot = frame.get(value);
    for (const c10::IValue& world : list.slot.worlds) list.sizes.push_back(world.toListRef().size());
    list.has_last = writes.reads(value) && list.sizes.front() > 0;
    if (list.has_last) list.last = recorder.sized_lists().last(list.slot);
    lists_.push_back(std::move(list));
  }
}

TapeList AppendedLists::last_items() {
  TapeList items;
  for (const List& list : lists_) {
    if (list.has_last) items.push_back({context_.read(list.last.sample().toTensor())});
  }
  return items;
}

void AppendedLists::begin_round(Round& round) {
  in_round_ = true;
  for (List& list : lists_) {
    recorder_.sized_lists().begin_round(list.slot, list.has_last);
    if (!list.has_last) continue;
    const CellPtr before = context_.cells.of(list.last.sample().toTensor());
    const nnef::Shape shape = before->shape;
    round.states.push_back(context_.tape.unknown(facts_of(*before)));
    for (std::size_t world = 0; world < list.sizes.size(); ++world) {
      c10::List<at::Tensor> items = list.slot.worlds[world].toTensorList();
      list.seen.push_back(items.get(items.size() - 1));
      const at::Tensor state = list.last.worlds[world].toTensor().clone();
      items.set(items.size() - 1, state);
      if (world == 0) context_.cells.add_root(state, shape, true, round.states.back())->made_at = 0;
    }
  }
}

void AppendedLists::take(Round& round) {
  for (const List& list : lists_) {
    for (std::size_t world = 0; world < list.sizes.size(); ++world) {
      if (list.slot.worlds[world].toListRef().size() != list.sizes[world] + 1)
        context_.no_scan("a list that it appends to does not get one item a round");
    }
    const at::Tensor item = list.slot.sample().toTensorList().get(list.sizes[0]);
    round.items.push_back(context_.read(item));
    if (!list.has_last) continue;
    const CellPtr was = context_.cells.of(list.last.sample().toTensor()), is = context_.cells.of(item);
    if (was->shape != is->shape || was->type != is->type)
      context_.no_scan("the last item of a list, which it reads, changes its sizes or dtype");
    round.next.push_back(round.items.back());
  }
}

void AppendedLists::end_round() {
  if (!in_round_) return;
  in_round_ = false;
  recorder_.sized_lists().end_rounds();
  for (List& list : lists_) {
    for (std::size_t world = 0; world < list.sizes.size(); ++world) {
      c10::List<at::Tensor> items = list.slot.worlds[world].toTensorList();
      items.resize(list.sizes[world]);
      if (world < list.seen.size()) items.set(items.size() - 1, list.seen[world]);
    }
    list.seen.clear();
  }
}

std::vector<at::Tensor> AppendedLists::added() const {
  std::vector<at::Tensor> tensors;
  for (const List& list : lists_) {
    const std::vector<at::Tensor> all = list.slot.sample().toTensorVector();
    tensors.insert(tensors.end(), all.begin() + static_cast<std::ptrdiff_t>(list.sizes[0]), all.end());
  }
  return tensors;
}

void AppendedLists::fill(const std::vector<TapeValue>& values, std::size_t state_count) {
  std::size_t place = state_count;
  for (const List& list : lists_) place += list.has_last ? 1 : 0;
  for (const List& list : lists_) recorder_.sized_lists().fill(list.slot, list.sizes, values.at(place++));
}

}  // namespace torch2nnef
