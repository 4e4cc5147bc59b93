#include "export/exported_program/autocast.h"

#include <algorithm>

namespace torch2nnef {
namespace {

bool is_other_float(const c10::IValue& value, at::ScalarType dtype) {
  if (!value.isTensor() || !value.toTensor().defined()) return false;
  const at::ScalarType own = value.toTensor().scalar_type();
  return at::isFloatingType(own) && own != dtype;
}

Slot cast(OperatorCalls& calls, const Slot& tensor, at::ScalarType dtype) {
  return calls.call1("aten::to", "dtype",
                     {{"self", tensor}, {"dtype", calls.constant(static_cast<std::int64_t>(dtype))}});
}

}  // namespace

NamedSlots with_casts(OperatorCalls& calls, const OperatorName& op, NamedSlots arguments, at::ScalarType result) {
  // What writes into its argument keeps that argument's dtype.
  if (!at::isFloatingType(result) || op.name.ends_with('_')) return arguments;
  const auto needs_cast = [&](const auto& argument) { return is_other_float(argument.second.sample(), result); };
  if (std::none_of(arguments.begin(), arguments.end(), needs_cast)) return arguments;
  if (calls.dtype_of_result(op.name, op.overload, arguments) == result) return arguments;
  for (auto& argument : arguments) {
    if (needs_cast(argument)) argument.second = cast(calls, argument.second, result);
  }
  return arguments;
}

}  // namespace torch2nnef
