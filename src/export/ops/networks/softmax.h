// softmax along one axis, for the lowerings that contain one.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// softmax or log_softmax of a floating tensor of rank 1 or more, half precision in single precision as torch does it.
Value softmax(Builder& b, Value x, int axis, bool is_log = false);

}  // namespace torch2nnef
