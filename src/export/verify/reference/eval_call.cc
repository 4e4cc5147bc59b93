#include "export/verify/reference/eval_call.h"

#include "export/record/torch_types.h"

namespace torch2nnef {

void EvalCall::fail(const std::string& message) const { throw std::runtime_error(op() + ": " + message); }

at::Tensor EvalCall::value(const nnef::Argument& argument, const at::Tensor& beside) const {
  if (const nnef::Value* value = argument.value()) {
    const at::Tensor& tensor = values_.at(static_cast<std::size_t>(value->id));
    if (!tensor.defined()) fail("uses '" + graph().info(*value).name + "' before it is made");
    return tensor;
  }
  if (const nnef::Dim* dim = argument.dim()) {
    return at::scalar_tensor(evaluate(*dim), beside.defined() ? beside.scalar_type() : at::kLong);
  }
  if (const double* number = std::get_if<double>(&argument.is)) {
    // Read as f32 by the engine, whatever stands beside it.
    return at::scalar_tensor(static_cast<double>(static_cast<float>(*number)),
                             beside.defined() ? beside.scalar_type() : at::kFloat);
  }
  if (const bool* flag = std::get_if<bool>(&argument.is)) return at::scalar_tensor(*flag, at::kBool);
  fail("a tensor was expected where a list or a string stands");
}

at::Tensor EvalCall::tensor(std::string_view name, const at::Tensor& beside) const {
  if (const nnef::Argument* argument = operation().find(name)) return value(*argument, beside);
  // A default of the declaration: numbers and logicals only.
  return at::scalar_tensor(number(name), beside.defined() ? beside.scalar_type() : at::kFloat);
}

at::Tensor EvalCall::tensor_at(std::size_t position, const at::Tensor& beside) const {
  for (const nnef::Parameter& parameter : call_.declaration().parameters) {
    if (parameter.is_tensor && position-- == 0) return tensor(parameter.name, beside);
  }
  fail("it takes fewer tensors");
}

Tensors EvalCall::tensors(std::string_view name) const {
  const nnef::Argument* argument = operation().find(name);
  if (argument == nullptr || argument->array() == nullptr) fail("'" + std::string(name) + "' must be a list");
  Tensors result;
  for (const nnef::Argument& item : argument->array()->items) result.push_back(value(item));
  return result;
}

at::ScalarType EvalCall::result_type(std::size_t index) const {
  return to_torch(from_nnef(graph().info(operation().results.at(index)).dtype));
}

std::vector<std::int64_t> EvalCall::result_sizes(std::size_t index) const {
  return nnef::evaluate(graph().info(operation().results.at(index)).shape, sizes_);
}

std::int64_t EvalCall::integer(std::string_view name) const {
  const nnef::Argument* argument = operation().find(name);
  if (argument != nullptr && argument->value() != nullptr) return value(*argument).item().toLong();
  return evaluate(call_.dim(name));
}

std::vector<std::int64_t> EvalCall::integers(std::string_view name) const {
  std::vector<std::int64_t> result;
  for (const nnef::Dim& dim : call_.dims(name)) result.push_back(evaluate(dim));
  return result;
}

std::vector<std::pair<std::int64_t, std::int64_t>> EvalCall::pairs(std::string_view name) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> result;
  for (const auto& [first, second] : call_.pairs(name)) result.emplace_back(evaluate(first), evaluate(second));
  return result;
}

double EvalCall::number(std::string_view name) const {
  if (const nnef::Argument* argument = operation().find(name)) {
    if (const double* number = std::get_if<double>(&argument->is)) return *number;
    if (const nnef::Dim* dim = argument->dim()) return static_cast<double>(evaluate(*dim));
    fail("'" + std::string(name) + "' must be a number");
  }
  const nnef::Parameter* parameter = call_.declaration().find(name);
  if (parameter == nullptr || !parameter->default_text || parameter->default_text->empty()) {
    fail("the argument '" + std::string(name) + "' is missing");
  }
  return *parameter->default_text == "true"    ? 1
         : *parameter->default_text == "false" ? 0
                                               : std::stod(*parameter->default_text);
}

std::vector<double> EvalCall::numbers(std::string_view name) const {
  const nnef::Argument* argument = operation().find(name);
  if (argument == nullptr || argument->array() == nullptr) fail("'" + std::string(name) + "' must be a list");
  std::vector<double> result;
  for (const nnef::Argument& item : argument->array()->items) {
    const double* number = std::get_if<double>(&item.is);
    if (number == nullptr) fail("'" + std::string(name) + "' must hold floats");
    result.push_back(*number);
  }
  return result;
}

namespace {

template <class T>
bool any_nan(const at::Tensor& x) {
  const T* items = x.data_ptr<T>();
  const std::int64_t count = x.numel();
  int found = 0;
  for (std::int64_t i = 0; i < count; ++i) found |= items[i] != items[i];
  return found != 0;
}

}  // namespace

bool has_nan(const at::Tensor& x) {
  if (!at::isFloatingType(x.scalar_type())) return false;
  if (x.is_contiguous() && x.scalar_type() == at::kFloat) return any_nan<float>(x);
  if (x.is_contiguous() && x.scalar_type() == at::kDouble) return any_nan<double>(x);
  return x.isnan().any().item<bool>();
}

const EvalTable& evaluation_table() {
  static const EvalTable table = [] {
    EvalTable made;
    add_elementwise_evaluation(made);
    add_shape_evaluation(made);
    add_linear_evaluation(made);
    add_window_evaluation(made);
    add_reduce_evaluation(made);
    add_norm_evaluation(made);
    add_index_evaluation(made);
    add_resample_evaluation(made);
    add_signal_evaluation(made);
    add_scan_evaluation(made);
    add_recurrent_evaluation(made);
    return made;
  }();
  return table;
}

}  // namespace torch2nnef
