// Recurrent layers over packed sequences (pack_padded_sequence), written with the padded tensor instead: the steps
// behind the end of a sequence are computed as well, and nobody looks at them.
#pragma once

#include "export/record/tape_writer.h"

namespace torch2nnef {

// Rewrites those calls of the Tape. The others stay as they are, to be refused with their place.
void resolve_packed_sequences(TapeWriter& writer);

}  // namespace torch2nnef
