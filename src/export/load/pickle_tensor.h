// A tensor of a pickle. Internal to pickle_scan.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "export/load/pickle_scan.h"
#include "export/load/pickle_values.h"

namespace torch2nnef {

// What the arguments of _rebuild_tensor_v2 or, `quantised`, _rebuild_qtensor describe. `before` are the pickle's
// tensors so far: scales are among them. Throws nnef::FormatError when it is not inside of its storage.
PickledTensor pickled_tensor(const PickleValues& values, const std::vector<PickledTensor>& before,
                             const std::vector<std::uint32_t>& given, bool quantised);

}  // namespace torch2nnef
