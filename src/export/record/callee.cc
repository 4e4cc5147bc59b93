#include "export/record/callee.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "export/operators/operators.h"
#include "export/record/endless.h"
#include "export/record/failures.h"
#include "export/record/torch_types.h"
#include "export/record/wide_fallback.h"

namespace torch2nnef {
namespace {

[[noreturn]] void report_failure(RecordContext& context, const std::string& op, std::size_t world,
                                 const std::string& text) {
  if (context.region && !context.region->is_taken) {
    throw Unsupported(op + " fails in " + context.region->what + ", which the sample does not take: " + text,
                      "give inputs that take it, or make it work at all inputs");
  }
  if (world > 0 || !context.first_is_sample) throw WorldFailed(op + " fails: " + text, context.here(), "T2N-R002");
  context.refuse("T2N-R001", "the model itself fails on the sample inputs: " + text,
                 "check the inputs' shapes and dtypes", op);
  throw RecordingStopped(text);
}

// A list times a number: it is made at once, however long.
void refuse_long_list(const std::string& op, const Slots& inputs) {
  constexpr std::int64_t kMostItems = 1 << 24;
  if (row_of(op).number != NumberOp::kMul || inputs.size() != 2) return;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!inputs[i].sample().isList() || !inputs[1 - i].sample().isInt()) continue;
    const auto items = static_cast<std::int64_t>(inputs[i].sample().toListRef().size());
    const std::int64_t times = inputs[1 - i].sample().toInt();
    if (items > 0 && times > kMostItems / items) {
      throw Unsupported("a list of " + std::to_string(items) + " items is repeated " + std::to_string(times) + " times",
                        "make a tensor, with torch.full or Tensor.repeat");
    }
  }
}

// The processor stops the program at these; libtorch does not look.
void check_division(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  if (!row_of(schema.name()).is(kIntegerDivision)) return;
  if (stack.size() < 2 || !stack[0].isInt() || !stack[1].isInt()) return;
  const std::int64_t dividend = stack[0].toInt(), divisor = stack[1].toInt();
  if (divisor == 0) throw std::runtime_error("integer division or modulo by zero");
  if (divisor == -1 && dividend == std::numeric_limits<std::int64_t>::min())
    throw std::runtime_error("integer overflow");
}

// A view may repeat a few items more often than anybody can compute with.
void check_items(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  constexpr std::int64_t kMostItems = std::int64_t{1} << 33;
  const auto& returns = schema.returns();
  if (std::any_of(returns.begin(), returns.end(), [](const auto& one) { return one.alias_info() != nullptr; })) return;
  for (const c10::IValue& value : stack) {
    if (!value.isTensor() || !value.toTensor().defined() || value.toTensor().numel() <= kMostItems) continue;
    throw std::runtime_error("it reads a tensor of " + std::to_string(value.toTensor().numel()) + " items; at most " +
                             std::to_string(kMostItems) + " are read");
  }
}

// A list that an operator has written to may hold itself now.
void check_containers(const c10::FunctionSchema& schema, const Slots& inputs, std::size_t world) {
  for (std::size_t i = 0; i < schema.arguments().size() && i < inputs.size(); ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    const c10::IValue& value = inputs[i].worlds[world];
    const bool is_container = value.isList() || value.isGenericDict();
    if (alias && alias->isWrite() && is_container && is_endless(value)) {
      throw std::runtime_error("a list or dict holds itself, or others more than 200 levels deep");
    }
  }
}

}  // namespace

Callee find_callee(const std::string& name, const std::string& overload) {
  auto found = torch::jit::findOperatorFor({name, overload});
  if (!found) {
    throw Unsupported("the linked libtorch has no operator " + name + (overload.empty() ? "" : "." + overload));
  }
  return {found->schema(), found->getOperation()};
}

Slots execute(RecordContext& context, const Callee& callee, const Slots& inputs) {
  refuse_long_list(callee.schema.name(), inputs);
  Slots results;
  for (std::size_t world = 0; world < context.world_count(); ++world) {
    torch::jit::Stack stack;
    for (const Slot& input : inputs) stack.push_back(input.worlds[world]);
    if (callee.schema.is_vararg()) stack.emplace_back(static_cast<std::int64_t>(inputs.size()));
    try {
      check_division(callee.schema, stack);
      check_items(callee.schema, stack);
      call_with_wide_fallback(callee.operation, stack);
      check_containers(callee.schema, inputs, world);
    } catch (const std::exception& error) {
      report_failure(context, callee.schema.name(), world, message_of(error));
    }
    results.resize(stack.size());
    for (std::size_t i = 0; i < stack.size(); ++i) results[i].worlds.push_back(stack[i]);
  }
  return results;
}

}  // namespace torch2nnef
