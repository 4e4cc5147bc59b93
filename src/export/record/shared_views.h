// Weights that a model uses in two orders of axes.
#pragma once

#include "export/record/tape_writer.h"

namespace torch2nnef {

// A large constant that is another one of the Tape with its axes in another order, in the same memory, becomes a call
// of aten::permute before its first use: the archive holds the items once (x @ table.weight.t() beside
// table(ids)). Before what no output needs is marked.
void share_views(TapeWriter& writer);

}  // namespace torch2nnef
