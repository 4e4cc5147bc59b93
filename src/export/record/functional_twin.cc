#include "export/record/functional_twin.h"

#include <algorithm>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

bool is_written(const c10::Argument& formal) { return formal.alias_info() && formal.alias_info()->isWrite(); }

bool writes(const c10::FunctionSchema& schema) {
  return std::any_of(schema.arguments().begin(), schema.arguments().end(), is_written);
}

// Where a result goes, as opposed to a tensor that is read and changed.
bool is_target(const c10::Argument& formal) { return formal.kwarg_only() && is_written(formal); }

bool takes_the_same(const c10::FunctionSchema& twin, const c10::FunctionSchema& writing) {
  const auto has = [](const c10::FunctionSchema& schema, const c10::Argument& wanted) {
    const auto index = schema.argumentIndexWithName(wanted.name());
    return index && *schema.arguments()[static_cast<std::size_t>(*index)].type() == *wanted.type();
  };
  const auto& ours = twin.arguments();
  const auto& theirs = writing.arguments();
  const bool known = std::all_of(ours.begin(), ours.end(), [&](const c10::Argument& formal) {
    return has(writing, formal) || formal.default_value();
  });
  return known && std::all_of(theirs.begin(), theirs.end(),
                              [&](const c10::Argument& formal) { return is_target(formal) || has(twin, formal); });
}

}  // namespace

const c10::FunctionSchema* functional_twin(const c10::FunctionSchema& writing) {
  const bool has_target = std::any_of(writing.arguments().begin(), writing.arguments().end(), is_target);
  const std::string name = has_target ? writing.name() : functional_name(writing.name());
  if (name.empty()) return nullptr;
  for (const auto& candidate : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name))) {
    const c10::FunctionSchema& twin = candidate->schema();
    if (!writes(twin) && twin.returns().size() == writing.returns().size() && takes_the_same(twin, writing))
      return &twin;
  }
  return nullptr;
}

std::optional<at::ScalarType> dtype_of_result(const c10::FunctionSchema& twin, std::vector<c10::IValue> arguments) {
  for (c10::IValue& argument : arguments) {
    if (!argument.isTensor() || !argument.toTensor().defined() || argument.toTensor().dim() == 0) continue;
    const at::Tensor& tensor = argument.toTensor();
    argument = at::empty(std::vector<std::int64_t>(static_cast<std::size_t>(tensor.dim()), 0), tensor.options());
  }
  try {
    torch::jit::Stack stack = std::move(arguments);
    torch::jit::findOperatorFor(twin.operator_name())->getOperation()(stack);
    if (stack.size() == 1 && stack[0].isTensor()) return stack[0].toTensor().scalar_type();
  } catch (const std::exception&) {
  }
  return std::nullopt;
}

}  // namespace torch2nnef
