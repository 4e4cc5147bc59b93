// The sizes of the results of Fourier transforms, by the operators' own rules.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// The size along `axis` of the result where a transform changes it: windows of stft, samples of istft, halves of rfft
// and what irfft makes of them. nullopt for other operators and axes, and where an argument is not a number.
std::optional<nnef::Dim> fourier_size(const Tape& tape, const std::string& op,
                                      const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                      std::size_t axis);

}  // namespace torch2nnef
