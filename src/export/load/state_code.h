// Code that libtorch executes while it loads a model, before anybody can look at what it has compiled.
#pragma once

#include <string_view>

namespace torch2nnef {

// Quantised modules restore themselves by methods named __setstate__. Throws nnef::FormatError when a source has such a
// method and calls an operator, there or elsewhere, that reaches files, devices, processes or the random numbers, or
// one of a namespace that is not known here.
void check_state_code(std::string_view source);

}  // namespace torch2nnef
