#include "export/record/wide_fallback.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace torch2nnef {

void call_with_wide_fallback(torch::jit::Operation operation, torch::jit::Stack& stack) {
  torch::jit::Stack arguments = stack;
  try {
    operation(stack);
    return;
  } catch (const c10::Error& error) {
    std::string text = error.what();
    bool half = text.find("not implemented for 'Half'") != std::string::npos;
    bool bfloat = text.find("not implemented for 'BFloat16'") != std::string::npos;
    if (!half && !bfloat) throw;
  }
  // A kernel that this CPU build lacks for 16 bits: computed in float32 and rounded.
  at::ScalarType narrow = at::kFloat;
  std::vector<std::pair<at::Tensor, at::Tensor>> widened;  // each tensor and its copy
  auto widen = [&](const at::Tensor& tensor) {
    if (!tensor.defined() || (tensor.scalar_type() != at::kHalf && tensor.scalar_type() != at::kBFloat16))
      return tensor;
    narrow = tensor.scalar_type();
    widened.emplace_back(tensor, tensor.to(at::kFloat));
    return widened.back().second;
  };
  for (c10::IValue& argument : arguments) {
    if (argument.isTensor()) argument = widen(argument.toTensor());
    if (argument.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : argument.toTensorVector()) list.push_back(widen(tensor));
      argument = list;
    }
  }
  operation(arguments);
  for (c10::IValue& result : arguments) {
    if (!result.isTensor() || !result.toTensor().defined() || result.toTensor().scalar_type() != at::kFloat) continue;
    auto written = std::find_if(widened.begin(), widened.end(),
                                [&](const auto& pair) { return pair.second.is_same(result.toTensor()); });
    // What an in-place operator returns is the tensor that it wrote.
    result = written == widened.end() ? result.toTensor().to(narrow) : written->first.copy_(written->second);
  }
  stack = std::move(arguments);
}

}  // namespace torch2nnef
