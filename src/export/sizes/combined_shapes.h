// Shapes of operators that put the axes of several tensors together.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// The result's shape of cat, stack, embedding, index_select, gather, index, outer and einsum, from the shapes of their
// arguments, exact at all sizes; nullopt for other operators, and for forms of these that no rule covers.
std::optional<nnef::Shape> combined_shape(const Tape& tape, const std::string& op,
                                          const std::vector<std::pair<std::string, TapeArgument>>& arguments);

}  // namespace torch2nnef
