// Branches and loops that the values of an input decide: what they may do is executed, and the results are put together
// by the condition.
#pragma once

#include <cstdint>
#include <string>

#include "export/record/operator_recorder.h"
#include "export/torchscript/frame.h"

namespace torch2nnef {

class ControlFlow;
class Interpreter;

class DataFlow {
 public:
  // `max_iterations`: of loops that end when the data says so; 0: as many as a counter allows.
  DataFlow(Interpreter& interpreter, ControlFlow& control, OperatorRecorder& operators, std::int64_t max_iterations)
      : interpreter_(interpreter),
        control_(control),
        operators_(operators),
        context_(operators.context()),
        max_iterations_(max_iterations) {}

  // Executes and records both sides. False when the data does not decide, or one side raises: then nothing happened.
  bool run_if(const torch::jit::Node* node, Frame& frame, const Slot& condition);
  // Executes the rounds from `round` on up to a bound; the result is that of the round after which the loop ends.
  void run_loop(const torch::jit::Node* node, Frame& frame, const Slot& trips, const Slot& condition, Slots carried,
                std::int64_t round);
  // Reports that `what` depends on data.
  void refuse(const torch::jit::Node* node, const Slot& condition, const std::string& what, const std::string& reason);

 private:
  void warn_of_limit(std::int64_t limit);
  Slots run_side(const torch::jit::Node* node, Frame& frame, std::size_t side, bool is_taken);

  Interpreter& interpreter_;
  ControlFlow& control_;
  OperatorRecorder& operators_;
  RecordContext& context_;
  std::int64_t max_iterations_;
};

}  // namespace torch2nnef
