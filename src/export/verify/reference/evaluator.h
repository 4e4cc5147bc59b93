// Evaluates a graph operation by operation with ATen's kernels.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/torch_compat.h"
#include "export/verify/reference/eval_call.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// An operation that cannot be evaluated: unknown here, or its kernel refuses the values. `what()` names it.
class EvaluationError : public std::runtime_error {
 public:
  EvaluationError(const std::string& text, std::size_t operation, bool is_unknown)
      : std::runtime_error(text), operation_(operation), is_unknown_(is_unknown) {}
  std::size_t operation() const { return operation_; }
  bool is_unknown() const { return is_unknown_; }

 private:
  std::size_t operation_;
  bool is_unknown_;
};

// The sizes of the symbols that the shapes of the inputs give. Throws std::runtime_error where a size does not fit what
// the graph declares, or leaves a symbol open.
nnef::Bindings bind_symbols(const nnef::Graph& graph, const std::vector<at::Tensor>& inputs);

class Evaluator {
 public:
  // Both must outlive it. `inputs` in the order of graph.inputs. Variables share the storages of Graph::variables where
  // those are torch's. A value is let go after its last use, unless it is an output.
  Evaluator(const nnef::Graph& graph, const nnef::Dialect& dialect, const std::vector<at::Tensor>& inputs);
  // For the body of a scan: values of symbols are given.
  Evaluator(const nnef::Graph& graph, const nnef::Dialect& dialect, const std::vector<at::Tensor>& inputs,
            nnef::Bindings sizes, const nnef::Graph& root);

  // Evaluates the next operation. Throws EvaluationError.
  void step();
  bool done() const { return next_ == graph_.operations.size(); }
  std::size_t next() const { return next_; }
  void run() {
    while (!done()) step();
  }
  // Undefined before it is made and after its last use.
  const at::Tensor& value(nnef::Value value) const { return values_.at(static_cast<std::size_t>(value.id)); }
  // Puts another tensor in its place, for what is evaluated later.
  void replace(nnef::Value value, at::Tensor tensor);

 private:
  void find_last_uses();
  Tensors evaluate(const nnef::Operation& operation);
  void check(const nnef::Operation& operation, const Tensors& results);

  const nnef::Graph& graph_;
  const nnef::Graph& root_;  // has the fragments and the variables
  const nnef::Dialect& dialect_;
  nnef::Bindings sizes_;
  EvalValues values_;
  std::vector<std::size_t> last_use_;                  // by Value::id; of outputs the end
  std::vector<std::vector<std::int32_t>> dead_after_;  // by operation
  EvalBody body_;
  std::size_t next_ = 0;
};

// Calls `visit` with every value that an operation reads, those in lists and tuples too.
void for_each_operand(const nnef::Operation& operation, const std::function<void(nnef::Value)>& visit);

}  // namespace torch2nnef
