// A loop that may end before some of its rounds, as the data says: the results are those of the round after which it
// ends.
#pragma once

#include <vector>

#include "export/record/regions/merge.h"

namespace torch2nnef {

class LoopExits {
 public:
  // To be made when the loop begins.
  LoopExits(RecordContext& context, NumberValues& numbers)
      : merge_(context, numbers), runs_(context.world_count(), true) {}

  // The loop may end before the next round, with `carried`: it goes on if `goes_on` holds, whose note has a scalar.
  void may_end(Slot goes_on, Slots carried);
  bool empty() const { return exits_.empty(); }
  // Whether the sample would still go on, and whether any world would.
  bool sample_runs() const { return runs_.front(); }
  bool any_runs() const;
  // Puts together what the exits hand on, and `carried` of the last round. Throws Unsupported when two of them cannot
  // be one value.
  Slots results(Slots carried);

 private:
  // A round before which the loop may end.
  struct Exit {
    Slot goes_on;
    Slots carried;
  };

  Merge merge_;
  std::vector<Exit> exits_;
  std::vector<bool> runs_;  // worlds that would still go on
};

// Whether a value that a round hands on has the dtype and sizes that it had before; true of what is not a tensor.
bool has_same_facts(const Slot& before, const Slot& after);

}  // namespace torch2nnef
