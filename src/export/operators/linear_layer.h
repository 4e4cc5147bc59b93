// The operator of a linear layer, as recordings hold it whatever the file calls.
#pragma once

#include <string_view>

namespace torch2nnef {

// input [.., in], weight [out, in], bias [out] or None.
inline bool is_linear_layer(std::string_view op) { return op == "aten::linear"; }

}  // namespace torch2nnef
