// The Tape as text, one call per line, for --dump-after=record.
#pragma once

#include <string>

#include "export/tape/tape.h"

namespace torch2nnef {

std::string to_text(const Tape& tape);

}  // namespace torch2nnef
