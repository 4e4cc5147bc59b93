// What a model states by failing at small sizes: a kernel that is longer than its axis.
#pragma once

#include <string>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// "S >= 11" for each symbol that cannot be smaller, all bounds considered: some convolution, pool or unfold would have
// no window left, or some axis a negative length. From axes whose size has one symbol; world 0 is a size that works.
std::vector<std::string> smallest_sizes(const Tape& tape);

}  // namespace torch2nnef
