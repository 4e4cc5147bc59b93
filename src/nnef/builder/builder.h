// nnef::Builder: adds operations to a graph and knows the dtype and shape of every result, symbols included.
//
// It refuses what the engine would reject or, worse, accept with another meaning: negative or unsorted axes, ranks that
// do not match, dtypes that do not go together, operators that the target lacks. tract's rules are in its
// documentation and were measured; each check names the operator and the values.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef TORCH2NNEF_API {

// An operation that cannot be added. `what()` is a full sentence.
class BuildError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The target has no such operator, or not in this version.
class TargetError : public BuildError {
 public:
  using BuildError::BuildError;
};

enum class Naming { kNatural, kNaturalVerbose, kNumeric };

class Builder {
 public:
  // Both must outlive the builder.
  Builder(Graph& graph, const Dialect& dialect, Naming naming = Naming::kNatural);

  Graph& graph() { return graph_; }
  const Dialect& dialect() const { return dialect_; }
  const ValueInfo& info(Value value) const { return graph_.info(value); }
  const Shape& shape(Value value) const { return info(value).shape; }
  DType dtype(Value value) const { return info(value).dtype; }
  int rank(Value value) const { return static_cast<int>(shape(value).size()); }

  // Names of the next results: `hint` under the scheme (natural: "conv1", natural_verbose: "layer1_0_conv1_conv"),
  // made a legal and unique identifier. The comment goes to each operation added until the next call.
  void set_scope(std::string module_path, std::string hint, std::string comment);

  // An input of the graph. Throws BuildError when the name is taken or is not usable.
  Value external(std::string_view name, DType dtype, Shape shape);
  // An input that no operation declares: a parameter of a fragment's body, whose graph the builder then builds.
  Value parameter(std::string_view name, DType dtype, Shape shape);
  // A tensor of the archive; the same label gives the same value. A label that differs only in case from another, or
  // holds characters that a tensor file name cannot, is made unique.
  Value variable(std::string_view label, TensorDataPtr data) { return variable(label, data, data->dtype()); }
  // Of items that stand for others: quantised integers that graph.quant makes numbers are f32 in the graph.
  Value variable(std::string_view label, TensorDataPtr data, DType dtype);
  // A rank-0 constant next to a tensor of `dtype`, in a form that every engine reads as that dtype: a literal for f16
  // and f32, a cast of a literal for integers, a tensor file for f64, NaN and infinities. Made once per number and
  // dtype.
  Argument literal(double value, DType dtype);
  Argument literal(std::int64_t value, DType dtype);
  // The same always as a value (an operation or variable), for operators that want a wire.
  Value constant(double value, DType dtype);
  Value constant(std::int64_t value, DType dtype);

  // One operation with one result. `tensors` are bound to the declaration's tensor parameters in order; attributes by
  // name, those equal to the default may be left out. An operation equal to an earlier one returns that one's result.
  // tract_core_range and tract_core_shape_of are followed by the cast that makes i64 of the engine's sizes, a range of
  // symbolic length also by an operation that hides its items from the engine's optimiser.
  Value add(std::string_view op, std::vector<Argument> tensors, std::vector<NamedArgument> attributes = {});
  // An operation with a fixed number of results (topk, max_pool_with_index, unstack, ...).
  std::vector<Value> add_multi(std::string_view op, std::vector<Argument> tensors,
                               std::vector<NamedArgument> attributes = {});

  // --- the operations that lowerings use most, with torch's conventions made safe ---

  Value cast(Value x, DType to);               // x itself when it is of that dtype
  Value reshape(Value x, const Shape& shape);  // x itself when the shape is equal; rank 0 through squeeze
  Value transpose(Value x, const std::vector<int>& permutation);  // x itself for the identity
  Value squeeze(Value x, std::vector<int> axes);                  // axes of x; none: x itself
  Value unsqueeze(Value x, std::vector<int> axes);                // axes of the result
  // x[begin:end:stride] along one axis, 0 <= begin <= end <= dim; x itself when it is everything. stride >= 1, or -1
  // for a reversed axis.
  Value slice(Value x, int axis, const Dim& begin, const Dim& end, std::int64_t stride = 1);
  Value concat(const std::vector<Value>& values, int axis);
  Value tile(Value x, const Shape& repeats);
  // numpy's broadcast_to: ranks aligned right.
  Value broadcast_to(Value x, const Shape& shape);
  // Leading axes of 1 until x has that rank.
  Value align_rank(Value x, int rank);
  // A binary operator on tensors or literals of one dtype, ranks aligned right as torch does it.
  Value binary(std::string_view op, Argument a, Argument b);
  Value select(Value condition, Argument a, Argument b);
  Value unary(std::string_view op, Value x);
  // sum_reduce, max_reduce, ... over sorted distinct axes; squeezed when keepdim is false.
  Value reduce(std::string_view op, Value x, std::vector<int> axes, bool keepdim);
  // A same-type cast: a result of its own name that engines do not fold away.
  Value identity(Value x);

  // Gives a value the name that an output must have; adds an identity when it already has a name of its own (an input,
  // a variable, an output).
  Value name_output(Value value, std::string_view name);

  // The comment and the scope of operations are data of the graph; registries() must be called once at the end to set
  // Graph::registries from the operators in use.
  void finish();

 private:
  struct State;
  // An operand as it must stand beside a tensor of that dtype: literals and dimensions become literal() or a cast.
  Argument beside(const Argument& argument, DType wanted, std::string_view op);
  // The same items, in a form whose comparisons the engine's optimiser leaves alone.
  Value unfolded_range(Value range);
  // Gives values the rank of the highest among them; rank 0 stays, since it goes with every rank.
  void align_all(std::initializer_list<Argument*> operands);
  Graph& graph_;
  const Dialect& dialect_;
  std::shared_ptr<State> state_;
};

// Sets Graph::registries to those of the operators in use; again after operations were taken out.
void set_registries(Graph& graph, const Dialect& dialect);

// Shape and dtype of the results of an operation, or BuildError. Used by Builder and by the validator.
std::vector<ValueInfo> infer(const Graph& graph, const Operation& operation, const OperatorDeclaration& declaration);

// Shape of elementwise operators: dims equal or 1, symbolic dims are never 1. Throws BuildError.
Shape broadcast(const Shape& a, const Shape& b);

// A name that every reader takes: [A-Za-z_][A-Za-z0-9_]*, not a keyword, not beginning with inf, true, false or nan.
std::string make_identifier(std::string_view text);
bool is_identifier(std::string_view text);

}  // namespace nnef
