// Results of a call: the call on the Tape, the expressions of their sizes, and the arguments that they are views of.
#pragma once

#include <string>
#include <vector>

#include "export/record/call_arguments.h"
#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

class CallResults {
 public:
  // The tensors of the results, flattened: [result][world].
  using Flat = std::vector<std::vector<at::Tensor>>;

  CallResults(RecordContext& context, CallArguments& arguments) : context_(context), arguments_(arguments) {}

  // Makes results known that an operator gave for `inputs`: with a call on the Tape if it is `recorded`, else as
  // constants. A result that is an argument itself stays what it is.
  void add(const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results, bool recorded);

  // The results of `op`, flattened; their number must be the same in all worlds.
  Flat flattened(const std::string& op, const Slots& results);
  // The shape of a result with the symbols of dynamic axes; `worlds` are the result in each of them.
  nnef::Shape explain(const std::string& op, const NamedArguments& arguments, const std::vector<at::Tensor>& worlds);

 private:
  bool has_shape_from_data(const c10::FunctionSchema& schema, const Slots& inputs);
  void check_constants(const c10::FunctionSchema& schema, const Flat& results);
  void constrain_squeeze(const c10::FunctionSchema& schema, const Slots& inputs);
  std::vector<TapeValue> write_call(const c10::FunctionSchema& schema, NamedArguments arguments,
                                    const std::vector<TapeValueInfo>& infos, bool recorded);
  void add_cells(const c10::FunctionSchema& schema, const Slots& inputs, const Flat& flat,
                 const std::vector<nnef::Shape>& shapes, const std::vector<TapeValue>& values, bool recorded);
  ViewStep step_of(const c10::FunctionSchema& schema, const Slots& inputs, const std::string& base, bool recorded);

  RecordContext& context_;
  CallArguments& arguments_;
};

}  // namespace torch2nnef
