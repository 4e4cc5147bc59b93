// What shape inference sees of one operation, and the families of inference functions. Not part of the interface.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nnef/builder/builder.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef {

// The dtype and shape of a tensor argument. A literal has rank 0 and takes part in the dtype of the others.
struct Fact {
  enum class Literal { kNone, kFloat, kInteger, kLogical };
  DType dtype = DType::kF32;
  Shape shape;
  Literal literal = Literal::kNone;
  double number = 0;  // of a float literal

  int rank() const { return static_cast<int>(shape.size()); }
};

using Results = std::vector<ValueInfo>;

// Sets of dtypes that an operator takes.
namespace types {
inline constexpr unsigned kHalfSingle = 1;  // f16, f32
inline constexpr unsigned kDouble = 2;
inline constexpr unsigned kInt32 = 4;
inline constexpr unsigned kInt64 = 8;
inline constexpr unsigned kInt8 = 16;
inline constexpr unsigned kOtherSigned = 32;  // i16
inline constexpr unsigned kUnsigned = 64;
inline constexpr unsigned kLogical = 128;
inline constexpr unsigned kFloats = kHalfSingle | kDouble;
inline constexpr unsigned kSigned = kInt8 | kOtherSigned | kInt32 | kInt64;
inline constexpr unsigned kIntegers = kSigned | kUnsigned;
inline constexpr unsigned kNumbers = kFloats | kIntegers;
inline constexpr unsigned kAll = kNumbers | kLogical;
}  // namespace types

// Typed access to the arguments of an operation, defaults of the declaration included. Every failure is a BuildError
// that names the operator.
class Call {
 public:
  Call(const Graph& graph, const Operation& operation, const OperatorDeclaration& declaration)
      : graph_(graph), operation_(operation), declaration_(declaration) {}

  const Graph& graph() const { return graph_; }
  const Operation& operation() const { return operation_; }
  const OperatorDeclaration& declaration() const { return declaration_; }
  [[noreturn]] void fail(const std::string& message) const;
  void require(bool condition, const std::string& message) const {
    if (!condition) fail(message);
  }

  bool has(std::string_view name) const { return operation_.find(name) != nullptr; }
  Fact fact(const Argument& argument) const;
  Fact tensor(std::string_view name) const;
  // The argument of the n-th tensor parameter of the declaration.
  Fact tensor_at(std::size_t position) const;
  std::vector<Fact> tensors(std::string_view name) const;

  Dim dim(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  std::vector<Dim> dims(std::string_view name) const;
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<std::pair<Dim, Dim>> pairs(std::string_view name) const;
  bool logical(std::string_view name) const;
  std::string text(std::string_view name) const;
  DType dtype(std::string_view name) const;
  // 0 <= axis < rank.
  int axis(std::string_view name, int rank) const;
  // Strictly ascending, each in 0 .. rank-1.
  std::vector<int> axes(std::string_view name, int rank) const;

  void require_type(const Fact& fact, unsigned allowed) const;
  // The one dtype of operands, float literals going along with f16 and f32 (and f64 where the number is exact).
  DType common_type(std::initializer_list<Fact> facts) const;
  // Elementwise: equal ranks (or rank 0) and broadcast dims.
  Shape common_shape(std::initializer_list<Fact> facts) const;

 private:
  const Argument& given(std::string_view name) const;

  const Graph& graph_;
  const Operation& operation_;
  const OperatorDeclaration& declaration_;
};

Results one_result(DType dtype, Shape shape);
// True when the two are equal wherever they were tried; structural equality is tried first.
bool may_be_equal(const Dim& a, const Dim& b);

using InferFunction = Results (*)(const Call&);
using InferTable = std::unordered_map<std::string_view, InferFunction>;

// Computes each item of the result from the items at the same place.
bool is_elementwise(std::string_view op);

void add_elementwise_inference(InferTable& table);
void add_shape_inference(InferTable& table);
void add_window_inference(InferTable& table);
void add_reduce_inference(InferTable& table);
void add_index_inference(InferTable& table);
void add_linear_inference(InferTable& table);
void add_misc_inference(InferTable& table);

}  // namespace nnef
