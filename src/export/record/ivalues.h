// Values of TorchScript that hold others: the tensors in them, and containers made anew.
#pragma once

#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

// The tensors of a value, depth first: of a tensor itself, of a list or tuple those of its items.
std::vector<at::Tensor> tensors_in(const c10::IValue& value);

// A list or a tuple (named ones too) of that type.
c10::IValue make_list(const c10::TypePtr& type, const std::vector<c10::IValue>& items);
c10::IValue make_tuple(const c10::TypePtr& type, std::vector<c10::IValue> items);

// A list or tuple of the same type with other items.
c10::IValue container_like(const c10::IValue& container, std::vector<c10::IValue> items);

// Of one dtype and the same sizes, with equal items or a NaN in both.
bool equal_or_nan(const at::Tensor& a, const at::Tensor& b);

}  // namespace torch2nnef
