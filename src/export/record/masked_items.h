// Items that a mask selects: how many there are is known only when the archive runs, so the format has no tensor of
// them. Where they are only computed with item by item, and then summed up or written back under the same mask, no such
// tensor is needed: the whole tensor takes its place.
#pragma once

#include "export/record/tape_writer.h"

namespace torch2nnef {

// A new name for how many items a mask selects.
std::string selected_size_name(const Tape& tape);

// Rewrites those calls of the Tape, and takes such names away where nothing needs them any more. The others stay as
// they are, to be refused with their place.
void resolve_masked_items(TapeWriter& writer);

}  // namespace torch2nnef
