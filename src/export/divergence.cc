#include "export/divergence.h"

namespace torch2nnef {

std::string Divergence::to_string() const {
  std::string text = name + " = " + operation + "(";
  for (const Operand& input : inputs) text += (&input == &inputs.front() ? "" : ", ") + input.name;
  text += ")";
  if (!aten.empty()) text += " of " + aten;
  const std::string place = where.to_string();
  if (!place.empty()) text += ", " + place;
  return detail.empty() ? text : text + ": " + detail;
}

}  // namespace torch2nnef
