// The lists that the rounds of a loop append to, while one round is recorded and after all of them.
#pragma once

#include <vector>

#include "export/record/operator_recorder.h"
#include "export/record/region.h"
#include "export/torchscript/frame.h"
#include "export/torchscript/list_writes.h"

namespace torch2nnef {

class AppendedLists {
 public:
  AppendedLists(OperatorRecorder& recorder, Frame& frame, const ListWrites& writes);
  ~AppendedLists() { end_round(); }
  AppendedLists(const AppendedLists&) = delete;
  AppendedLists& operator=(const AppendedLists&) = delete;

  // The last items of lists that a round reads them of: states before the first round.
  TapeList last_items();
  // Makes those states of the round.
  void begin_round(Round& round);
  // What the round appended, as its items and the next states.
  void take(Round& round);
  // The lists are again what they were before the round.
  void end_round();
  // All rounds were executed: what they appended in world 0.
  std::vector<at::Tensor> added() const;
  // `values` are the last states, of which `state_count` are other ones, then the items.
  void fill(const std::vector<TapeValue>& values, std::size_t state_count);

 private:
  struct List {
    Slot slot;
    std::vector<std::size_t> sizes;  // before the loop
    bool has_last = false;           // a round reads the last item
    Slot last;                       // before the loop
    std::vector<at::Tensor> seen;    // what the list holds in its place, while a round is recorded: a state
  };

  OperatorRecorder& recorder_;
  RecordContext& context_;
  std::vector<List> lists_;
  bool in_round_ = false;
};

}  // namespace torch2nnef
