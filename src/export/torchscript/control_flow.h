// Branches and loops that the sizes decide, or nothing does: one side is executed, and every round.
#pragma once

#include <cstdint>
#include <vector>

#include "export/record/operator_recorder.h"
#include "export/torchscript/data_flow.h"
#include "export/torchscript/frame.h"

namespace torch2nnef {

class Interpreter;

class ControlFlow {
 public:
  ControlFlow(Interpreter& interpreter, OperatorRecorder& operators, std::int64_t max_iterations)
      : interpreter_(interpreter),
        operators_(operators),
        context_(operators.context()),
        data_flow_(interpreter, *this, operators, max_iterations) {}

  void run_if(const torch::jit::Node* node, Frame& frame);
  void run_loop(const torch::jit::Node* node, Frame& frame);
  // A bool that control flow depends on: it must be the same in all worlds, which becomes a constraint if it follows
  // from sizes. `what` is for messages.
  bool decide(const Slot& condition, const torch::jit::Node* node, const char* what);

 private:
  void run_rounds(const torch::jit::Node* node, Frame& frame);
  void check_count(const Slot& trips, std::int64_t count);

  Interpreter& interpreter_;
  OperatorRecorder& operators_;
  RecordContext& context_;
  DataFlow data_flow_;
};

// Gives a loop's body its inputs: the number of the round, and the values that the round before handed on.
void begin_round(RecordContext& context, const torch::jit::Block* body, Frame& frame, std::int64_t round,
                 const Slots& carried);

}  // namespace torch2nnef
