// What a quantised call must give by exact arithmetic: told from the numbers that its arguments mean, without the
// archive and without torch's quantised kernels.
#pragma once

#include <optional>

#include "export/record/replay.h"
#include "quant/tolerance.h"

namespace torch2nnef {

struct ExactCodes {
  at::Tensor steps;  // f64, in steps of the result's scale from its zero point, before rounding
  CodeRule rule;     // for codes less the zero point
};

// Of a call whose arguments the replay still has; `result` is torch's, with one scale. Nothing for operators that are
// not known here.
std::optional<ExactCodes> exact_codes(const Replay& replay, const Tape& tape, const TapeCall& call,
                                      const at::Tensor& result);

}  // namespace torch2nnef
