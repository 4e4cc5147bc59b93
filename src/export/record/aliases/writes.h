// Writes: the functional form of an in-place operator, and the new value carried to whatever shares the memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "export/record/call_arguments.h"
#include "export/record/call_results.h"
#include "export/record/callee.h"
#include "export/record/context.h"
#include "export/record/numbers/contents.h"

namespace torch2nnef {

class Writes {
 public:
  Writes(RecordContext& context, CallArguments& arguments, CallResults& results, Contents& contents)
      : context_(context), arguments_(arguments), results_(results), contents_(contents) {}

  // Executes an operator that writes into the tensor inputs[written]. Throws Unsupported when the write cannot be
  // carried to the base or to the other views of it.
  Slots call(const Callee& callee, const Slots& inputs, std::size_t written);

 private:
  Slots change_metadata(const Callee& callee, const Slots& inputs);
  Slots write_constants(const Callee& callee, const Slots& inputs, const CellPtr& cell, std::size_t written);
  Slots write_recorded(const Callee& callee, const Slots& inputs, const CellPtr& cell, std::size_t written);
  TapeValue functional_value(const c10::FunctionSchema& schema, const Slots& inputs, const CellPtr& cell,
                             std::size_t written);
  TapeValue replaced(const c10::FunctionSchema& schema, const Slots& inputs, const CellPtr& cell);
  // A value with the dtype, or the shape, of the tensor that it is written to.
  TapeValue cast_to(TapeValue source, const CellPtr& cell, nnef::Shape shape);
  TapeValue expanded(TapeValue source, const CellPtr& cell);

  RecordContext& context_;
  CallArguments& arguments_;
  CallResults& results_;
  Contents& contents_;
};

}  // namespace torch2nnef
