// Whether two values of a Tape are one: the same value, or results of the same calls on the same values.
#pragma once

#include <cstddef>
#include <map>

#include "export/tape/tape.h"

namespace torch2nnef {

// `makers` says where in tape.calls the call stands that makes a value. A few steps back are looked at.
bool computes_the_same(const Tape& tape, const std::map<TapeValue, std::size_t>& makers, TapeValue a, TapeValue b,
                       int depth = 0);

}  // namespace torch2nnef
