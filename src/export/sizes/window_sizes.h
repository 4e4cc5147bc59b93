// The sizes of what windows, pads and scales make of an axis.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// The size of that axis of a result of `rank` axes by convolutions (transposed ones, too), pools, unfold, im2col, pads
// and upsampling, in the order to be tried: a call does not say whether its convolution is transposed. Empty for other
// operators, and where an argument is not a number.
std::vector<nnef::Dim> window_sizes(const Tape& tape, const std::string& op,
                                    const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                    std::size_t rank, std::size_t axis);

}  // namespace torch2nnef
