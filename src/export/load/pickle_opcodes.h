// Pickles as libtorch reads them. It lacks two opcodes, with which Python writes lists and dicts of one entry.
#pragma once

#include <string>

namespace torch2nnef {

// The same pickle with APPEND written as MARK .. APPENDS, and SETITEM as MARK .. SETITEMS. What cannot be followed
// stays as it is.
std::string with_known_opcodes(const std::string& pickle);

}  // namespace torch2nnef
