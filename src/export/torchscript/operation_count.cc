#include "export/torchscript/operation_count.h"

#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <stdexcept>
#include <string>

#include "export/record/failures.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

thread_local std::int64_t counted = 0, most_counted = 0;

constexpr const char* kRound = "t2n_count::round";

// An exception leaves libtorch's interpreter as one of its own: that it was this one is seen from the count.
void count_round(jit::Stack& stack) {
  counted += jit::pop(stack).toInt();
  if (counted > most_counted) throw std::runtime_error("too many operators");
}

const jit::RegisterOperators kOperators({jit::Operator(std::string(kRound) + "(int operators) -> ()", count_round,
                                                       c10::AliasAnalysisKind::CONSERVATIVE)});

std::int64_t operators_in(const jit::Block* block) {
  std::int64_t count = 0;
  for (const jit::Node* node : block->nodes()) {
    count += node->kind() != c10::prim::Constant;
    if (node->kind() == c10::prim::Loop) continue;
    for (const jit::Block* inner : node->blocks()) count += operators_in(inner);
  }
  return count;
}

void count_loops(jit::Block* block) {
  for (jit::Node* node : block->nodes()) {
    for (jit::Block* inner : node->blocks()) {
      count_loops(inner);
      if (node->kind() != c10::prim::Loop) continue;
      jit::Graph& graph = *block->owningGraph();
      jit::WithInsertPoint at(*inner->nodes().begin());
      jit::Value* operators = graph.insertConstant(operators_in(inner) + 1);
      graph.insertNode(graph.create(c10::Symbol::fromQualString(kRound), {operators}, 0));
    }
  }
}

}  // namespace

void OperationCount::stop(RecordContext& context) const {
  const std::string text =
      (loop_ ? "this loop" : "the model") + (" executes more than " + std::to_string(most_)) + " operators";
  context.diagnostics.error("T2N-R017", text, loop_ ? *loop_ : context.here(),
                            "make sure that it ends, and sooner; or allow more (--max-operations N)");
  throw RecordingStopped(text);
}

void run_as_written(const jit::Code& code, jit::Stack& stack) {
  const jit::GraphOptimizerEnabledGuard nothing_is_compiled(false);
  jit::InterpreterState(code).run(stack);
}

CountedCode::CountedCode(jit::Graph& graph) : graph_(graph.copy()) {
  jit::Inline(*graph_);
  fixed_ = operators_in(graph_->block());
  count_loops(graph_->block());
}

std::int64_t CountedCode::run(jit::Stack& stack, std::int64_t most) const {
  counted = fixed_;
  most_counted = most;
  if (counted > most) throw TooManyOperations{};
  const jit::Code code(graph_, "counted");
  try {
    run_as_written(code, stack);
  } catch (const std::exception&) {
    if (counted > most) throw TooManyOperations{};
    throw;
  }
  return counted;
}

}  // namespace torch2nnef
