// What libtorch knows of an operator's arguments. No torch header is needed to ask.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// The arguments of an operator in the schema's order, with their defaults where they have one. Throws
// std::invalid_argument when the linked libtorch has no such operator.
std::vector<std::pair<std::string, std::optional<TapeArgument>>> schema_defaults(const std::string& op,
                                                                                 const std::string& overload);

}  // namespace torch2nnef
