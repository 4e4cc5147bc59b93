#include "export/verify/reference/evaluator.h"

#include "export/record/torch_types.h"
#include "nnef/arguments.h"
#include "nnef/dim/solve.h"

namespace torch2nnef {
namespace {

at::Tensor tensor_of(const nnef::Graph& graph, const std::string& label) {
  const auto found = graph.variables.find(label);
  if (found == graph.variables.end()) throw std::runtime_error("there is no tensor '" + label + "'");
  return shared_tensor(*found->second);
}

}  // namespace

void for_each_operand(const nnef::Operation& operation, const std::function<void(nnef::Value)>& visit) {
  for (const nnef::NamedArgument& named : operation.arguments) nnef::for_each_value(named.argument, visit);
}

nnef::Bindings bind_symbols(const nnef::Graph& graph, const std::vector<at::Tensor>& inputs) {
  nnef::Bindings sizes;
  if (inputs.size() != graph.inputs.size()) throw std::runtime_error("the graph takes another number of inputs");
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const nnef::Shape& shape = graph.info(graph.inputs[i]).shape;
      for (std::size_t axis = 0; axis < shape.size() && axis < static_cast<std::size_t>(inputs[i].dim()); ++axis) {
        found = nnef::solve(shape[axis], inputs[i].size(static_cast<std::int64_t>(axis)), sizes) || found;
      }
    }
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const nnef::ValueInfo& info = graph.info(graph.inputs[i]);
    std::vector<std::int64_t> wanted;
    try {
      wanted = nnef::evaluate(info.shape, sizes);
    } catch (const std::out_of_range&) {
      throw std::runtime_error("the shapes of the inputs leave a size of " + nnef::to_string(info.shape) + " open");
    }
    if (inputs[i].sizes().vec() != wanted || from_torch(inputs[i].scalar_type()) != from_nnef(info.dtype)) {
      throw std::runtime_error("input " + info.name + " does not fit " + std::string(nnef::to_string(info.dtype)) +
                               nnef::to_string(info.shape));
    }
  }
  return sizes;
}

Evaluator::Evaluator(const nnef::Graph& graph, const nnef::Dialect& dialect, const std::vector<at::Tensor>& inputs)
    : Evaluator(graph, dialect, inputs, bind_symbols(graph, inputs), graph) {}

Evaluator::Evaluator(const nnef::Graph& graph, const nnef::Dialect& dialect, const std::vector<at::Tensor>& inputs,
                     nnef::Bindings sizes, const nnef::Graph& root)
    : graph_(graph), root_(root), dialect_(dialect), sizes_(std::move(sizes)), values_(graph.values.size()) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values_[static_cast<std::size_t>(graph.inputs.at(i).id)] = inputs[i];
  }
  body_ = [this](const nnef::Graph& body, Tensors given) {
    Evaluator inner(body, dialect_, given, sizes_, root_);
    inner.run();
    Tensors results;
    for (nnef::Value output : body.outputs) results.push_back(inner.value(output));
    return results;
  };
  find_last_uses();
}

void Evaluator::find_last_uses() {
  const std::size_t end = graph_.operations.size();
  last_use_.assign(graph_.values.size(), end);
  for (std::size_t i = 0; i < end; ++i) {
    for (nnef::Value result : graph_.operations[i].results) last_use_[static_cast<std::size_t>(result.id)] = i;
  }
  for (std::size_t i = 0; i < end; ++i) {
    for_each_operand(graph_.operations[i],
                     [&](nnef::Value value) { last_use_[static_cast<std::size_t>(value.id)] = i; });
  }
  for (nnef::Value output : graph_.outputs) last_use_[static_cast<std::size_t>(output.id)] = end;
  dead_after_.resize(end);
  for (std::size_t id = 0; id < last_use_.size(); ++id) {
    if (last_use_[id] < end) dead_after_[last_use_[id]].push_back(static_cast<std::int32_t>(id));
  }
}

void Evaluator::replace(nnef::Value value, at::Tensor tensor) {
  const auto id = static_cast<std::size_t>(value.id);
  if (last_use_[id] >= next_) values_[id] = std::move(tensor);
}

Tensors Evaluator::evaluate(const nnef::Operation& operation) {
  if (operation.op == "variable") {
    const at::Tensor tensor = tensor_of(root_, std::get<std::string>(operation.find("label")->is));
    const bool is_wider = graph_.info(operation.results[0]).dtype == nnef::DType::kF64;  // as in evaluate_in_f64()
    return {is_wider && at::isFloatingType(tensor.scalar_type()) ? tensor.to(at::kDouble) : tensor};
  }
  const nnef::OperatorDeclaration* declaration = dialect_.find(operation.op);
  const auto found = evaluation_table().find(operation.op);
  if (declaration == nullptr || found == evaluation_table().end()) {
    throw EvaluationError("the operator " + operation.op + " is not evaluated", next_, true);
  }
  return found->second(EvalCall(graph_, root_, operation, *declaration, values_, sizes_, body_));
}

// The results are what the graph states of them.
void Evaluator::check(const nnef::Operation& operation, const Tensors& results) {
  if (results.size() != operation.results.size()) throw std::runtime_error(operation.op + ": number of results");
  for (std::size_t i = 0; i < results.size(); ++i) {
    const nnef::ValueInfo& info = graph_.info(operation.results[i]);
    for (std::size_t axis = 0; axis < info.shape.size() && axis < static_cast<std::size_t>(results[i].dim()); ++axis) {
      nnef::solve(info.shape[axis], results[i].size(static_cast<std::int64_t>(axis)),
                  sizes_);  // a symbol of this result
    }
    const std::vector<std::int64_t> sizes = nnef::evaluate(info.shape, sizes_);
    if (results[i].sizes().vec() == sizes && from_torch(results[i].scalar_type()) == from_nnef(info.dtype)) continue;
    throw std::runtime_error(operation.op + ": '" + info.name + "' is " +
                             std::string(to_string(from_torch(results[i].scalar_type()))) +
                             nnef::to_string(nnef::make_shape(results[i].sizes().vec())) + ", the graph states " +
                             std::string(nnef::to_string(info.dtype)) + nnef::to_string(info.shape));
  }
}

void Evaluator::step() {
  const nnef::Operation& operation = graph_.operations.at(next_);
  if (operation.op != "tract_core_external" && operation.op != "external") {
    try {
      Tensors results = evaluate(operation);
      check(operation, results);
      for (std::size_t i = 0; i < results.size(); ++i) {
        values_[static_cast<std::size_t>(operation.results[i].id)] = std::move(results[i]);
      }
    } catch (const EvaluationError&) {
      throw;
    } catch (const std::exception& error) {
      const std::string name = operation.results.empty() ? "" : graph_.info(operation.results[0]).name + " = ";
      throw EvaluationError(name + operation.op + ": " + message_of(error), next_, false);
    }
  }
  // What was made by this operation and has no use stays until the next step.
  if (next_ > 0) {
    for (std::int32_t id : dead_after_[next_ - 1]) values_[static_cast<std::size_t>(id)] = at::Tensor();
  }
  ++next_;
}

}  // namespace torch2nnef
