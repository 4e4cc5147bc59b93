// Calls of operators by name, with arguments by name.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/exported_program/program.h"
#include "export/record/operator_recorder.h"

namespace torch2nnef {

using NamedSlots = std::vector<std::pair<std::string, Slot>>;

// The same value in all worlds.
Slot same_in_all(const RecordContext& context, const c10::IValue& value);

class OperatorCalls {
 public:
  explicit OperatorCalls(OperatorRecorder& recorder) : recorder_(recorder), context_(recorder.context()) {}

  // Arguments that are left out take the schema's defaults; those of other types than the schema's are converted:
  // integers to floats and lists, numbers to tensors (or the overload for numbers is called). Throws Unsupported when
  // there is no such operator, or it does not take these arguments.
  Slots call(const std::string& name, const std::string& overload, const NamedSlots& arguments);
  // The one result.
  Slot call1(const std::string& name, const std::string& overload, const NamedSlots& arguments);
  // The dtype of the first result at the sample's values, by the kernel alone: nothing is recorded. Nothing where the
  // kernel does not take these arguments.
  std::optional<at::ScalarType> dtype_of_result(const std::string& name, const std::string& overload,
                                                const NamedSlots& arguments) const;
  // An operator on numbers, by the types of its operands: aten::add of two ints, or of an int and a float.
  Slot numbers(const std::string& name, const Slots& operands);

  Slot constant(const c10::IValue& value) const { return same_in_all(context_, value); }
  OperatorRecorder& recorder() { return recorder_; }

 private:
  Slot converted(Slot slot, const c10::Argument& formal, const std::string& op);
  Slot number_as_tensor(const Slot& number);
  std::optional<Slot> whole_power(const Slot& base, const Slot& exponent);

  OperatorRecorder& recorder_;
  RecordContext& context_;
};

}  // namespace torch2nnef
