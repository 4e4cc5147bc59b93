// An .npz that is not a file of its own. Internal to the readers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nnef/io.h"

namespace nnef {

// As read_npz() of a file; `name` is for messages.
std::vector<NamedTensor> read_npz(std::string_view bytes, const std::string& name);

}  // namespace nnef
