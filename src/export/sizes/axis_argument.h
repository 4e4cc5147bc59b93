// Arguments of a call that name an axis, as the shape rules read them.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

using NamedArguments = std::vector<std::pair<std::string, TapeArgument>>;

// The argument of that name, or null.
const TapeArgument* find_argument(const NamedArguments& arguments, std::string_view name);
// An axis among `rank`, negative ones counted from the end; nullopt when it is none or no number.
std::optional<std::size_t> as_axis(const TapeArgument& argument, std::size_t rank);
std::optional<std::size_t> axis_of(const NamedArguments& arguments, std::string_view name, std::size_t rank);

}  // namespace torch2nnef
