// The state of to_khronos(): the graph that is being made, and how operations are added to it. Internal.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "nnef/builder/builder.h"
#include "nnef/khronos/to_khronos.h"

namespace nnef {

class KhronosWriter {
 public:
  explicit KhronosWriter(const Graph& source);

  Graph run(std::vector<Untranslated>& problems);

 private:
  using Rule = void (KhronosWriter::*)(const Operation&);
  static const std::map<std::string, Rule, std::less<>>& rules();

  void translate(const Operation& operation);
  [[noreturn]] void refuse(const std::string& reason) const { throw BuildError(reason); }

  // Arguments and results of the source, in the graph that is being made.
  Argument mapped(const Argument& argument) const;
  Argument given(const Operation& operation, std::string_view name) const;
  Value value(const Operation& operation, std::string_view name);
  std::int64_t number(const Operation& operation, std::string_view name) const;
  const Shape& shape(Value value) const { return graph_.info(value).shape; }
  void alias(const Operation& operation, const Argument& argument);

  // One operation more. The last one of a translation takes the names of the results: finish().
  std::vector<Value> add_all(std::string_view op, std::vector<NamedArgument> arguments,
                             const std::vector<std::string>& names, DType class_of_cast = DType::kF32);
  Value add(std::string_view op, std::vector<NamedArgument> arguments, DType class_of_cast = DType::kF32);
  void finish(const Operation& operation, std::string_view op, std::vector<NamedArgument> arguments,
              DType class_of_cast = DType::kF32);
  Value unary(std::string_view op, const Argument& x) { return add(op, {{"x", x}}); }
  Value binary(std::string_view op, const Argument& x, const Argument& y) { return add(op, {{"x", x}, {"y", y}}); }
  Value variable(const std::string& label, TensorDataPtr data);
  Value align(Value x, std::size_t rank);

  // Rules: to_khronos.cc.
  void same(const Operation& operation);
  void external(const Operation& operation);
  void renamed(const Operation& operation);
  void cast(const Operation& operation);
  void sizes(const Operation& operation);
  void convolution(const Operation& operation);
  void pad(const Operation& operation);
  void pool(const Operation& operation);
  void slice(const Operation& operation);
  // khronos_compose.cc.
  void broadcast(const Operation& operation);
  void exclusive_or(const Operation& operation);
  void is_nan(const Operation& operation);
  void power(const Operation& operation);
  void log_softmax(const Operation& operation);
  void rms_norm(const Operation& operation);
  void hard_swish(const Operation& operation);
  void gelu(const Operation& operation);
  void error_function(const Operation& operation);
  void attention(const Operation& operation);
  void resize(const Operation& operation);

  const Graph& source_;
  const Dialect khronos_;
  Graph graph_;
  std::map<Value, Argument> values_;  // of the source
  std::set<Value> outputs_, used_;    // of the source
  std::set<std::string> names_;
  std::vector<std::size_t> origins_;  // of the operations
  std::size_t at_ = 0;
};

}  // namespace nnef
