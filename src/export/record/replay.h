// Executes the calls of a Tape again, with libtorch's own kernels and on other values.
#pragma once

#include <functional>
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
  // Puts another tensor in the place of a result, for the calls that follow.
  void replace(TapeValue value, at::Tensor tensor) {
    values_.at(static_cast<std::size_t>(value.id)) = std::move(tensor);
  }
  // The results of a call of an operator on floats, on the numbers in f64 that the values of the Tape mean. The call
  // need not stand on the Tape; its values must be there still. Throws what libtorch throws.
  std::vector<at::Tensor> on_numbers(const TapeCall& call) const;
  // Those of a call on its values, but for one that is given.
  std::vector<at::Tensor> given(const TapeCall& call, TapeValue value, const at::Tensor& tensor) const;
  bool done() const { return next_ == tape_.calls.size(); }
  std::size_t next() const { return next_; }
  // Of an input, a constant, or the result of a call that was executed and is still of use. Undefined otherwise.
  at::Tensor value(TapeValue value) const;

 private:
  using ValueOf = std::function<at::Tensor(TapeValue)>;
  std::vector<at::Tensor> execute(const TapeCall& call);
  std::vector<at::Tensor> dispatch(const TapeCall& call, const ValueOf& value_of) const;
  std::vector<at::Tensor> scan(const TapeCall& call);
  c10::IValue argument(const TapeArgument& argument, const c10::Argument& formal, const ValueOf& value_of) const;
  at::Tensor dims(const TapeCall& call) const;

  const Tape& tape_;
  nnef::Bindings sizes_;
  std::vector<at::Tensor> values_;                     // by TapeValue::id
  std::vector<std::vector<std::int32_t>> dead_after_;  // by call
  std::size_t next_ = 0;
};

}  // namespace torch2nnef
