#include "export/record/regions/loop_exits.h"

#include <algorithm>

namespace torch2nnef {

void LoopExits::may_end(Slot goes_on, Slots carried) {
  for (std::size_t world = 0; world < runs_.size(); ++world) {
    runs_[world] = runs_[world] && goes_on.worlds[world].toBool();
  }
  exits_.push_back({std::move(goes_on), std::move(carried)});
}

bool LoopExits::any_runs() const { return std::find(runs_.begin(), runs_.end(), true) != runs_.end(); }

Slots LoopExits::results(Slots carried) {
  for (auto exit = exits_.rbegin(); exit != exits_.rend(); ++exit) {
    for (std::size_t i = 0; i < carried.size(); ++i) {
      carried[i] = merge_.choose(exit->goes_on, carried[i], exit->carried[i]);
    }
  }
  return carried;
}

bool has_same_facts(const Slot& before, const Slot& after) {
  const c10::IValue &a = before.sample(), &b = after.sample();
  if (!a.isTensor() || !b.isTensor() || !a.toTensor().defined() || !b.toTensor().defined()) return true;
  return a.toTensor().sizes() == b.toTensor().sizes() && a.toTensor().scalar_type() == b.toTensor().scalar_type();
}

}  // namespace torch2nnef
