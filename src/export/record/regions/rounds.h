// The rounds of a loop that is recorded once.
#pragma once

#include <algorithm>
#include <string>

#include "export/record/slot.h"

namespace torch2nnef {

// Whether a condition is about the number of the round, whose symbol has a name that no user's symbol has.
inline bool depends_on_round(const Note& condition) {
  return std::any_of(condition.symbols.begin(), condition.symbols.end(),
                     [](const std::string& symbol) { return symbol.front() == '#'; });
}

}  // namespace torch2nnef
