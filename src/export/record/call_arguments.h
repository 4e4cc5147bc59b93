// Arguments of a call for the Tape: tensors as their present values, numbers with the expressions that they carry.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/record/callee.h"
#include "export/record/context.h"
#include "export/record/numbers/number_values.h"

namespace torch2nnef {

using NamedArguments = std::vector<std::pair<std::string, TapeArgument>>;

class CallArguments {
 public:
  CallArguments(RecordContext& context, NumberValues& numbers) : context_(context), numbers_(numbers) {}

  // One argument; `op` is for messages.
  TapeArgument one(const Slot& slot, const c10::Argument& formal, const std::string& op);
  // All of a call, in the schema's order and with what torch does to operands before it computes.
  NamedArguments all(const c10::FunctionSchema& schema, const Slots& inputs);
  // The same without tensors but for one that says where something is, as they are given: what repeats the call on
  // another base.
  NamedArguments without_base(const c10::FunctionSchema& schema, const Slots& inputs);

 private:
  TapeArgument number(const c10::IValue& value, const Note& note, const std::string& formal, const std::string& op);
  std::optional<TapeArgument> packed(const c10::IValue& value);
  std::optional<TapeArgument> packed_cell(const c10::IValue& value);
  std::optional<TapeArgument> packed_table(const c10::IValue& value);
  TapeArgument list(const c10::IValue& value, const std::string& op);

  RecordContext& context_;
  NumberValues& numbers_;
  std::unordered_map<const void*, std::pair<c10::IValue, TapeArgument>> packed_;  // by object, which is kept alive
};

}  // namespace torch2nnef
