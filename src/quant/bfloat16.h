// bfloat16 in a graph: f32 that holds values of bfloat16 alone. What an operator computes in f32 is rounded to eight
// bits of significand, as torch's kernels do.
#pragma once

#include "nnef/builder/builder.h"

namespace torch2nnef {

constexpr double kLargestBFloat16 = 3.3895313892515355e38;

// To the nearest, ties to even. Infinities and NaNs stay, and so do magnitudes of 2^110 and more. Those below 2^-126
// keep more bits than bfloat16 has.
nnef::Value rounded_to_bfloat16(nnef::Builder& b, nnef::Value x);
// The same for all magnitudes: the largest numbers of f32 become infinite.
nnef::Value cast_to_bfloat16(nnef::Builder& b, nnef::Value x);

}  // namespace torch2nnef
