// Tensors of bfloat16. The format has no such item type: they stand in the graph as f32 that holds values of bfloat16
// alone, since what an operator computes in f32 is rounded to eight bits of significand, as torch's kernels do.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// Whether each item of the results is one rounding of what f32 gives, so that all kernels agree on it.
bool rounds_once(std::string_view op);

// A result of a call, f32, as bfloat16: rounded to the nearest, ties to even, unless the call moves or chooses among
// items that are bfloat16. Infinities and NaNs stay; so do magnitudes of 2^110 and more, unless it is a cast.
Value as_bfloat16(Builder& b, Value x, const TapeCall& call, const Tape& tape);

}  // namespace torch2nnef
