// The sizes of the pieces that an axis is cut into.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// Which of the results of a call.
struct ResultPlace {
  std::size_t index = 0, count = 1;
};

// The shape of that piece of `self` by split, chunk, split_with_sizes, tensor_split, hsplit, vsplit and dsplit, at all
// sizes that give as many pieces; nullopt for other operators, and where the cuts are not known.
std::optional<nnef::Shape> shape_of_piece(const std::string& op,
                                          const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                          const nnef::Shape& self, ResultPlace place);

}  // namespace torch2nnef
