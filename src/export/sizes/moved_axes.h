// Shapes of operators that only move, add, drop and shorten axes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// The result's shape of permute, transpose, t, squeeze, unsqueeze, select, unbind, flatten, unflatten, slice, narrow,
// repeat and of reductions (operators with a `keepdim`), from the shape of `self`, exact at all sizes (of a slice: at
// those where no bound lies outside); nullopt for other operators. Axes may be negative, as in the operators' schemas.
std::optional<nnef::Shape> moved_axes(const std::string& op,
                                      const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                      const nnef::Shape& self);

// Of aten::slice, at all sizes: bounds that lie outside are moved to the ends, as in Python.
std::optional<nnef::Shape> clamped_slice(const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                         const nnef::Shape& self);

}  // namespace torch2nnef
