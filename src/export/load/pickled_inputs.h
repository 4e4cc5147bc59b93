// Arguments of a method from what torch.save wrote: any nest of tensors, numbers, lists, tuples and dicts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

// The value as one of that type: lists of Python take the type of their items, a number serves where a tensor is asked
// for. Nullopt when it does not fit.
std::optional<c10::IValue> typed_value(const c10::IValue& value, const c10::TypePtr& type);

// All arguments in order, or one alone, or a dict of them by name; `without_tensors` gives those that hold no tensors
// where the value leaves them out. Nullopt when the value fits in none of these ways.
std::optional<std::vector<c10::IValue>> arranged_arguments(
    const c10::IValue& value, const std::vector<c10::Argument>& formals,
    const std::vector<std::optional<c10::IValue>>& without_tensors);

}  // namespace torch2nnef
