// Regions of torch.autocast: the file names the dtypes of their results, and leaves out the casts that these need.
#pragma once

#include "export/exported_program/operator_calls.h"
#include "export/exported_program/targets.h"

namespace torch2nnef {

// The arguments of a call in such a region. `result` is the dtype of its first result in the file. Where the kernel
// gives another one, or does not take the arguments as they are, the floating point tensors among them are cast to it,
// as autocast does.
NamedSlots with_casts(OperatorCalls& calls, const OperatorName& op, NamedSlots arguments, at::ScalarType result);

}  // namespace torch2nnef
