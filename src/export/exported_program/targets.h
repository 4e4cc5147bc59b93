// What the targets of nodes are: operators, arithmetic on numbers, calls of graphs, or nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "export/exported_program/operator_calls.h"

namespace torch2nnef {

// "aten::add" and "Tensor" of "torch.ops.aten.add.Tensor"; nullopt for targets of other kinds.
struct OperatorName {
  std::string name, overload;
  std::string full() const { return overload.empty() ? name : name + "." + overload; }
};
std::optional<OperatorName> operator_of(std::string_view target);

// "cond" of "torch.ops.higher_order.cond".
std::optional<std::string> higher_order_of(std::string_view target);

// TorchScript's operator for one of Python's on numbers: "aten::floordiv" for "_operator.floordiv"; null for others.
const char* number_operator_of(std::string_view target);

}  // namespace torch2nnef
