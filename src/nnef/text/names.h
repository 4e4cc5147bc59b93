// What may be a name in the text of each target.
#pragma once

#include <string_view>

#include "nnef/dialect/dialect.h"

namespace nnef {

// Khronos NNEF: letters, digits and underscores, no keyword. tract: the same with keywords but without names that begin
// with inf, true or false, which it takes for literals; and any other text, which is spelled i"...".
// (make_identifier() and is_identifier() are for names that every reader takes.)
bool is_name(std::string_view text, const Target& target);
// Letters, digits and underscores, no digit first.
bool is_plain_name(std::string_view text);

}  // namespace nnef
