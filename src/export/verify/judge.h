// Whether what was computed from an archive agrees with PyTorch, output by output.
//
// A tolerance is relative to the size of the output: the root mean square of its values. A small output that is what
// large values leave when they cancel cannot be as exact as that. It still agrees when it is within the tolerance of
// values of size 1 and rounding explains the difference: the archive in f64 is then as far from PyTorch's values as
// from the engine's, or it has PyTorch's values and the engine's are as near as values of the sizes met on the way
// allow.
//
// In a quantised model, two right engines round some sums to different codes, and the difference grows. Its outputs
// agree when they are no further from PyTorch's than PyTorch's own move where a few codes of the input do
// (quant/tolerance.h); that each call is right is then shown on its own (compare_in_lock_step()).
#pragma once

#include "export/verify/compare.h"
#include "export/verify/reference.h"

namespace torch2nnef {

// Whether any value of the model is quantised, or becomes so inside a call.
bool is_quantised_model(const CheckSubject& subject);

std::vector<CheckReport::Output> judge_outputs(const CheckSubject& subject, const Recording::Run& run,
                                               const std::vector<nnef::NamedTensor>& computed,
                                               const Tolerance& tolerance);

}  // namespace torch2nnef
