// Lists of tensors that are as long as a dynamic size says: the parts of a tensor along an axis (x.unbind(1)), what the
// rounds of a loop appended, and lists made of these. On the Tape they are tensors (list_runs.h); the items that the
// lists hold while the model is executed have no value there, so that whatever takes one unseen is refused.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include "export/operators/operators.h"
#include "export/record/regions/list_runs.h"

namespace torch2nnef {

class SizedLists {
 public:
  explicit SizedLists(OperatorRecorder& recorder) : recorder_(recorder) {}

  // Whether an operator takes such a list, or one that a loop appends to.
  bool takes(const c10::FunctionSchema& schema, const Slots& inputs) const;
  // An operator that makes such a list or takes one; nullopt for any other.
  std::optional<Slots> call(const Callee& callee, const Slots& inputs);
  // All rounds of a loop have appended to the list, whose lengths before it are given, in all worlds; `stacked` are
  // their items along a new first axis.
  void fill(const Slot& list, const std::vector<std::size_t>& before, TapeValue stacked);

  // What stands for such a list in world 0; nothing for any other value.
  std::vector<at::Tensor> tensors_of(const Slot& list) const;
  // It may not be written to any more: copies of it, or of parts of it, are in other places.
  void keep(const at::Tensor& tensor);

  // The last item of a list, and while one round is recorded, a list that it appends to. It reads the last item at the
  // most, which is that of the round before if `has_last`.
  Slot last(const Slot& list);
  void begin_round(const Slot& list, bool has_last);
  void end_rounds() { growing_.clear(); }

 private:
  struct Known {
    c10::IValue keep_alive;  // of world 0; an address is not used again while it is here
    ListRuns runs;
  };
  struct Growing {
    nnef::Dim length;  // before this round
    std::size_t size;  // the same of world 0's list, which the rounds do not fill
    bool has_last;
  };
  const Known* find(const Slot& slot) const;
  const Growing* find_growing(const Slot& slot) const;
  ListRuns runs_of(const Slot& list) const;
  ListRuns runs_before(const Slot& list, std::size_t size) const;
  void set(const Slot& list, ListRuns runs);
  ListRun united(const Slot& list);
  nnef::Dim place_of(const Slot& index, const nnef::Dim& length) const;

  std::optional<Slots> parts(const Callee& callee, const Slots& inputs);
  std::optional<Slots> call_growing(const Callee& callee, const Slots& inputs, const Growing& list);
  Slots step(ListStep step, const Callee& callee, const Slots& inputs);
  Slot item(const Slot& list, const Slot& index, const Slot& seen);
  ListRuns popped(const Slot& list, const Slot& index);
  Slots concatenated(const Callee& callee, const Slots& inputs);
  Slots join(const Callee& callee, const Slots& inputs, bool stacks);

  OperatorRecorder& recorder_;
  std::unordered_map<const void*, Known> lists_;
  std::unordered_map<const void*, Growing> growing_;
};

}  // namespace torch2nnef
