// Orders that PyTorch leaves open: of equal items, a sort may give the places in any order.
#pragma once

#include <string>

#include "export/verify/reference.h"

namespace torch2nnef {

// Whether an output of places (the indices of sort, topk, max along an axis ...) names items of the same values as the
// expected ones, each once. False for any other output, and where the items that were sorted are not known.
bool is_tied_order(const CheckSubject& subject, const Recording::Run& run, const std::string& output,
                   const nnef::TensorData& expected, const nnef::TensorData& actual);

}  // namespace torch2nnef
