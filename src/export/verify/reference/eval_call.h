// What the reference evaluator sees of one operation, and its families of operators.
//
// An operator's function takes its tensors and attributes from an EvalCall and returns a tensor for each result. It
// follows NNEF and tract as they were measured to compute, not torch; kernels that libtorch lacks for f16 are computed
// in f32 and rounded, as tract does too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/torch_compat.h"
#include "nnef/infer/infer_call.h"

namespace torch2nnef {

// The values of one body while it is evaluated, by Value::id.
using EvalValues = std::vector<at::Tensor>;
using Tensors = std::vector<at::Tensor>;

class EvalCall;
using EvalFunction = std::function<Tensors(const EvalCall&)>;
using EvalTable = std::unordered_map<std::string_view, EvalFunction>;

// Evaluates the body of a scan; makes the values of a graph from those of its inputs.
using EvalBody = std::function<Tensors(const nnef::Graph& body, Tensors inputs)>;

class EvalCall {
 public:
  // `root` has the fragments.
  EvalCall(const nnef::Graph& graph, const nnef::Graph& root, const nnef::Operation& operation,
           const nnef::OperatorDeclaration& declaration, const EvalValues& values, const nnef::Bindings& sizes,
           const EvalBody& body)
      : call_(graph, operation, declaration), root_(root), values_(values), sizes_(sizes), body_(body) {}

  const std::string& op() const { return call_.operation().op; }
  const nnef::Graph& graph() const { return call_.graph(); }
  const nnef::Operation& operation() const { return call_.operation(); }
  const nnef::Graph& root() const { return root_; }
  const EvalBody& body() const { return body_; }
  bool has(std::string_view name) const { return call_.has(name); }
  // Throws std::runtime_error that names the operator.
  [[noreturn]] void fail(const std::string& message) const;

  // --- tensors ---
  // A literal becomes rank 0: of the dtype of `beside`, or f32, i64 or bool.
  at::Tensor tensor(std::string_view name, const at::Tensor& beside = {}) const;
  // The argument of the n-th tensor parameter of the declaration.
  at::Tensor tensor_at(std::size_t position, const at::Tensor& beside = {}) const;
  Tensors tensors(std::string_view name) const;
  at::Tensor value(const nnef::Argument& argument, const at::Tensor& beside = {}) const;
  // The n-th result's dtype, as the graph states it.
  at::ScalarType result_type(std::size_t index = 0) const;
  std::vector<std::int64_t> result_sizes(std::size_t index = 0) const;

  // --- attributes, defaults included, at the sizes of this evaluation ---
  std::int64_t integer(std::string_view name) const;  // a number, an expression, or a tensor with one item
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs(std::string_view name) const;
  double number(std::string_view name) const;
  std::vector<double> numbers(std::string_view name) const;
  bool logical(std::string_view name) const { return call_.logical(name); }
  std::string text(std::string_view name) const { return call_.text(name); }
  std::int64_t evaluate(const nnef::Dim& dim) const { return dim.evaluate(sizes_); }

 private:
  nnef::Call call_;
  const nnef::Graph& root_;
  const EvalValues& values_;
  const nnef::Bindings& sizes_;
  const EvalBody& body_;
};

// f16 in f32, others as they are.
inline at::Tensor widened(const at::Tensor& x) { return x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x; }
inline bool is_half(const at::Tensor& x) { return x.scalar_type() == at::kHalf; }
// Whether there is a NaN among floats, in one cheap pass.
bool has_nan(const at::Tensor& x);

// With what the engine gives for NaN.
at::Tensor engine_sigmoid(const at::Tensor& x);
at::Tensor engine_tanh(const at::Tensor& x);

void add_elementwise_evaluation(EvalTable& table);
void add_shape_evaluation(EvalTable& table);
void add_linear_evaluation(EvalTable& table);
void add_window_evaluation(EvalTable& table);
void add_reduce_evaluation(EvalTable& table);
void add_norm_evaluation(EvalTable& table);
void add_index_evaluation(EvalTable& table);
void add_resample_evaluation(EvalTable& table);
void add_signal_evaluation(EvalTable& table);
void add_scan_evaluation(EvalTable& table);
void add_recurrent_evaluation(EvalTable& table);

// Every operator that can be evaluated.
const EvalTable& evaluation_table();

// A resize along every axis, used by tract_core_resize and the upsamplings.
struct ResizeRule {
  std::string transformer = "half_pixel", interpolator = "nearest", nearest_mode = "floor";
};
// `scales` may be empty: then they are the ratios of the sizes.
at::Tensor resized(const at::Tensor& x, const std::vector<std::int64_t>& sizes, const std::vector<double>& scales,
                   const ResizeRule& rule);

}  // namespace torch2nnef
