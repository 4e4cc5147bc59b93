#include "export/record/callee.h"

#include "export/operators/operators.h"
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
      call_with_wide_fallback(callee.operation, stack);
    } catch (const std::exception& error) {
      report_failure(context, callee.schema.name(), world, message_of(error));
    }
    results.resize(stack.size());
    for (std::size_t i = 0; i < stack.size(); ++i) results[i].worlds.push_back(stack[i]);
  }
  return results;
}

}  // namespace torch2nnef
