// Executes operators in all worlds and writes to the Tape what depends on an input or on a dynamic size. Front ends
// (TorchScript, exported programs) walk their models and call it for every operator; it knows nothing of their nodes.
//
//   OperatorRecorder recorder(tape, diagnostics, [&]() -> const Location& { return node_location; }, {});
//   Slot x = recorder.input("x", {tensor}, shape);
//   Slots sum = recorder.call(find_callee("aten::add", "Tensor"), {x, other, alpha});
//   recorder.output("sum", sum.front());
//   recorder.finish();
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "export/record/aliases/writes.h"
#include "export/record/call_arguments.h"
#include "export/record/call_results.h"
#include "export/record/callee.h"
#include "export/record/context.h"
#include "export/record/numbers/contents.h"
#include "export/record/numbers/number_values.h"
#include "export/record/numbers/numbers.h"
#include "export/record/regions/sized_lists.h"

namespace torch2nnef {

class OperatorRecorder {
 public:
  // The Tape's symbols and worlds are set. For the other arguments see RecordContext.
  OperatorRecorder(Tape& tape, Diagnostics& diagnostics, RecordContext::Locate locate, bool first_is_sample,
                   bool follows_state);

  // Declares an input of the Tape, one tensor per world.
  Slot input(const std::string& name, const std::vector<at::Tensor>& worlds, nnef::Shape shape);
  // Executes an operator; the inputs are all its arguments, in the schema's order. A tensor that no call made is a
  // constant. Throws Unsupported, WorldFailed or RecordingStopped.
  Slots call(const Callee& callee, Slots inputs);
  // Makes a result (a tensor or a number) an output of the Tape.
  void output(const std::string& name, const Slot& value);
  // Ends the recording: marks what no output needs.
  void finish();

  // What a front end shares: for its containers, its control flow and whole modules.
  RecordContext& context() { return context_; }
  CallArguments& arguments() { return arguments_; }
  CallResults& results() { return results_; }
  NumberValues& numbers() { return values_; }
  SizedLists& sized_lists() { return lists_; }

 private:
  Slots dispatch(const Callee& callee, Slots inputs);
  Slots call_plain(const Callee& callee, const Slots& inputs);
  Slots call_tensors(const Callee& callee, Slots inputs);
  bool is_large_fold(const Slots& inputs, const Slots& results);
  void mark_number(const c10::FunctionSchema& schema, Slots& inputs);
  [[noreturn]] void raise(const Slots& inputs);

  RecordContext context_;
  NumberValues values_;
  CallArguments arguments_;
  CallResults results_;
  Contents contents_;
  Numbers numbers_;
  Writes writes_;
  SizedLists lists_;
  std::unordered_map<const void*, at::Tensor> wrapped_;  // see mark_number
};

}  // namespace torch2nnef
