// Codes moved by one step, for measuring how far roundings carry.
#pragma once

#include "export/record/replay.h"

namespace torch2nnef {

// Of a call that quantises_by_range() whose arguments the replay still has: the root mean square by which its result
// `index` changes where 0.1 % of the codes of its input are moved by one step (the mean of five draws, of one seed).
double moved_by_input(const Replay& replay, const TapeCall& call, std::size_t index, const at::Tensor& result);

}  // namespace torch2nnef
