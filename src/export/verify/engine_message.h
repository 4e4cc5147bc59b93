// The one sentence that matters in what tract prints when it fails.
#pragma once

#include <string>
#include <string_view>

namespace torch2nnef {

// The innermost cause of the last error on stderr, on one line; for a panic its message and place; never empty.
std::string engine_message(int exit_status, std::string_view errors);

}  // namespace torch2nnef
