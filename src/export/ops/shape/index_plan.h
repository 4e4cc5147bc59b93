// Advanced indexing reduced to one gather or scatter: the list of a call's index tensors as one linear index.
#pragma once

#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// x[.., i0, i1, ..] with the indexed axes merged into one.
struct IndexPlan {
  std::vector<int> order;  // brings the indexed axes of x together: in place when adjacent, else to the front
  int axis = 0;            // where they are after that; torch puts the index's own axes there too
  int count = 0;           // how many
  Shape ordered, merged;   // shape of x in that order, and with the indexed axes as one
  Value index;             // int64; one axis alone keeps its negative indices, several have none
};

// Constant boolean masks count as the indices of what they select. Throws Unsupported for other masks.
IndexPlan plan_index(Call& call);

// The one boolean mask of a call that has no other index.
struct MaskIndex {
  Value mask;
  int axis = 0, rank = 0;  // the axes of x that it covers
};
std::optional<MaskIndex> single_mask(Call& call);

// A value of rank 0 as one of rank 1.
Value at_least_1d(Call& call, Value x);

}  // namespace torch2nnef
