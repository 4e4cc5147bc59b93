// Executes the calls of a Tape again, with libtorch's own kernels and on other values.
#pragma once

#include <vector>

#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

class Replay {
 public:
  // The Tape must outlive it. `inputs` in the order of Tape::inputs; `sizes` of the symbols.
  Replay(const Tape& tape, const std::vector<at::Tensor>& inputs, nnef::Bindings sizes);

  // Executes the next call, unless nobody wants its results. Throws what libtorch throws.
  void step();
  bool done() const { return next_ == tape_.calls.size(); }
  std::size_t next() const { return next_; }
  // Of an input, a constant, or the result of a call that was executed and is still of use. Undefined otherwise.
  at::Tensor value(TapeValue value) const;

 private:
  std::vector<at::Tensor> execute(const TapeCall& call);
  std::vector<at::Tensor> dispatch(const TapeCall& call);
  std::vector<at::Tensor> scan(const TapeCall& call);
  c10::IValue argument(const TapeArgument& argument, const c10::Argument& formal) const;
  at::Tensor dims(const TapeCall& call) const;

  const Tape& tape_;
  nnef::Bindings sizes_;
  std::vector<at::Tensor> values_;                     // by TapeValue::id
  std::vector<std::vector<std::int32_t>> dead_after_;  // by call
  std::size_t next_ = 0;
};

}  // namespace torch2nnef
