// Arguments of a method made of named tensors and of what --arg gives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/torch_compat.h"

namespace torch2nnef {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Without self.
std::vector<c10::Argument> formal_arguments(const torch::jit::Method& method);
// "forward(x: Tensor, n: int)"
std::string describe(const torch::jit::Method& method);
// The number that follows a prefix to the end of the name; those too large for a place of an argument are alike.
std::optional<std::uint64_t> number_behind(std::string_view prefix, std::string_view name);
bool holds_tensors(const c10::TypePtr& type);
// Ends the export: the inputs do not fit (usage).
[[noreturn]] void refuse_inputs(const std::string& text, const std::string& hint = "");

// Tensors go to arguments by name, else by position; lists and dicts take as many as the method reads of them.
std::vector<c10::IValue> assembled_arguments(const torch::jit::Method& method, NamedTensors tensors,
                                             const std::vector<std::string>& extra);
// The same for arguments from a pickled value; `from` names its file.
std::vector<c10::IValue> assembled_arguments(const torch::jit::Method& method, const c10::IValue& value,
                                             const std::vector<std::string>& extra, const std::string& from);

}  // namespace torch2nnef
