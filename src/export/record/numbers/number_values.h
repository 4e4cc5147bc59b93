// Numbers as tensors of rank 0: those that depend on the values of an input, and those of sizes that no expression of
// sizes gives, such as a square root.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

class NumberValues {
 public:
  explicit NumberValues(RecordContext& context) : context_(context) {}

  // A number of known origin on the Tape. Its note must not be kUnexplained, and if it is kData, have a scalar.
  TapeValue value(const c10::IValue& number, const Note& note);
  // A comparison of sizes, computed when the model runs: a note with a scalar. Nothing for any other condition.
  std::optional<Note> computed_condition(const Note& condition);
  // A number that is read from a tensor of one item; `worlds` is the number, `what` is for messages.
  Slot read_item(const Slot& tensor, std::vector<c10::IValue> worlds, const std::string& what);
  // Where a number comes from that an operator computes from numbers that depend on data: with a scalar if the Tape has
  // a tensor operator for it. It is kNone where the result is the same whatever those are.
  Note computed(const c10::FunctionSchema& schema, const Slots& inputs, const Slot& result);

 private:
  TapeValue truth(const std::string& op, const std::vector<TapeValue>& values, TapeValueInfo info);
  TapeValue arithmetic(const std::string& op, const std::vector<TapeValue>& values, const TapeValueInfo& info);

  RecordContext& context_;
};

// The facts of a Python number on the Tape: rank 0, of a dtype that does not promote.
TapeValueInfo number_info(ScalarType type);
ScalarType number_type(const c10::IValue& value);

}  // namespace torch2nnef
