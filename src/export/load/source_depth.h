// How deep a TorchScript source is nested. libtorch parses and compiles it by recursion.
#pragma once

#include <string_view>

namespace torch2nnef {

// Throws nnef::FormatError with the line where expressions are nested more than 400 deep (brackets, and operators that
// follow each other in one expression), or blocks more than 100.
void check_source_depth(std::string_view source);
// The same of one expression, such as a type.
void check_expression_depth(std::string_view text);

}  // namespace torch2nnef
