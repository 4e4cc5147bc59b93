// Tensors from outside that a round of a loop fills, one item a round.
#pragma once

#include <cstddef>
#include <vector>

#include "export/record/region.h"

namespace torch2nnef {

// A tensor from outside, while one round is recorded.
struct FilledTensor {
  TapeValue base;    // before the loop
  TapeValue before;  // what the round begins with: nothing on the Tape makes it
  TapeValue after;   // what the round ends with
};

// Finds what the round's calls write to these tensors: one item each, at a place that moves with the rounds, and which
// they may read. It goes to round.writes, and the calls then read `base`. Returns which of the tensors are written, one
// per write. Throws Unsupported, with the reason, for any other write or read.
std::vector<std::size_t> find_writes(Tape& tape, Round& round, const std::vector<FilledTensor>& tensors);

}  // namespace torch2nnef
