// Calls: of operators, of the document's fragments, and of scans, whose bodies are read as graphs of their own.
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "nnef/builder.h"
#include "nnef/graph_reader.h"
#include "nnef/item_type.h"

namespace nnef {
namespace {

std::optional<DType> dtype_of_class(std::string_view type) {
  if (type == "scalar") return DType::kF32;
  if (type == "integer") return DType::kI64;
  if (type == "logical") return DType::kBool;
  return std::nullopt;
}

Dim numel(const Shape& shape) {
  Dim count = 1;
  for (const Dim& extent : shape) count *= extent;
  return count;
}

}  // namespace

// The argument expressions of a call, by parameter; null for those that are not given.
template <typename Parameters>
std::vector<const Expression*> GraphReader::bind(const Expression& e, const Parameters& parameters) const {
  std::vector<const Expression*> bound(parameters.size(), nullptr);
  for (std::size_t i = 0; i < e.children.size(); ++i) {
    std::size_t place = i;
    if (!e.names[i].empty()) {
      const auto named = [&](const auto& parameter) { return parameter.name == e.names[i]; };
      place = static_cast<std::size_t>(std::find_if(parameters.begin(), parameters.end(), named) - parameters.begin());
      if (place == parameters.size()) fail(*e.children[i], "'" + e.text + "' has no parameter '" + e.names[i] + "'");
    } else if (i >= parameters.size()) {
      fail(*e.children[i], "'" + e.text + "' has only " + std::to_string(parameters.size()) + " parameters");
    }
    if (bound[place]) fail(*e.children[i], "'" + parameters[place].name + "' is given twice to '" + e.text + "'");
    bound[place] = e.children[i].get();
  }
  return bound;
}

std::vector<Argument> GraphReader::inlined(const Expression& e, Scope& scope, const std::vector<std::string>& names) {
  const FragmentSyntax& fragment = *context_.fragments.at(e.text);
  auto& active = context_.inlining;
  if (std::find(active.begin(), active.end(), e.text) != active.end())
    fail(e, "fragment '" + e.text + "' contains itself");
  if (active.size() >= kMaxInlining) fail(e, "fragments are nested too deeply");
  Scope inner;
  const std::string base = names.empty() ? fragment.name : names[0];
  inner.prefix = base.starts_with(kWish) ? base.substr(1) : base;
  const std::vector<const Expression*> bound = bind(e, fragment.parameters);
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const ParameterSyntax& parameter = fragment.parameters[i];
    if (!bound[i] && !parameter.default_value) fail(e, "'" + e.text + "' needs '" + parameter.name + "'");
    Scope empty;
    Argument value =
        bound[i] ? evaluate(*bound[i], scope, wish(base)) : evaluate(*parameter.default_value, empty, wish(base));
    define(inner, parameter.name, std::move(value), fragment.line);
  }
  for (std::size_t i = 0; i < fragment.results.size() && i < names.size(); ++i) {
    inner.result_names.emplace(fragment.results[i].name, names[i]);
  }
  active.push_back(e.text);
  for (const AssignmentSyntax& statement : fragment.body) run(statement, inner);
  active.pop_back();
  std::vector<Argument> results;
  for (const ParameterSyntax& result : fragment.results) {
    const auto found = inner.names.find(result.name);
    if (found == inner.names.end()) fail(fragment.line, "the result '" + result.name + "' is never assigned");
    results.push_back(found->second);
  }
  return results;
}

std::vector<Argument> GraphReader::invoke(const Expression& e, Scope& scope, const std::vector<std::string>& names) {
  const OperatorDeclaration* declaration = context_.dialect.find(e.text);
  if (!declaration) fail(e, "there is no operator or fragment '" + e.text + "'");
  const std::vector<const Expression*> bound = bind(e, declaration->parameters);
  Operation operation{e.text, {}, {}, ""};
  const std::string hint = wish(names.empty() ? e.text : names[0]);
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const Parameter& parameter = declaration->parameters[i];
    if (bound[i]) {
      operation.arguments.push_back({parameter.name, evaluate(*bound[i], scope, hint)});
    } else if (!parameter.default_text) {
      fail(e, "'" + e.text + "' needs '" + parameter.name + "'");
    }
  }
  if (e.text == "min" || e.text == "max") {  // of two sizes: a size
    const Dim *a = operation.arguments[0].argument.dim(), *b = operation.arguments[1].argument.dim();
    if (a && b) return {e.text == "min" ? min(*a, *b) : max(*a, *b)};
  }
  return emit(e, std::move(operation), names);
}

std::vector<Argument> GraphReader::emit(const Expression& e, Operation operation,
                                        const std::vector<std::string>& names) {
  const OperatorDeclaration* declaration = context_.dialect.find(operation.op);
  if (!declaration) fail(e, "there is no operator '" + operation.op + "'");
  if (!declaration->result_is_array && declaration->results.size() != names.size()) {
    fail(e, "'" + operation.op + "' has " + std::to_string(declaration->results.size()) + " results, " +
                std::to_string(names.size()) + " are taken");
  }
  if (++context_.operations > kMaxOperations) fail(e, "the text expands to too many operations");
  // Inference counts the results; their infos are placeholders until it has spoken.
  for (const std::string& name : names) {
    operation.results.push_back(new_value({name.starts_with(kWish) ? unique(name.substr(1)) : name, DType::kF32, {}}));
  }
  const std::vector<ValueInfo> infos = infer_results(e, operation, *declaration);
  if (infos.size() != names.size()) {
    fail(e, "'" + operation.op + "' gives " + std::to_string(infos.size()) + " results, " +
                std::to_string(names.size()) + " are taken");
  }
  std::vector<Argument> results;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    ValueInfo& info = graph_.info(operation.results[i]);
    info.dtype = infos[i].dtype;
    info.shape = infos[i].shape;
    results.emplace_back(operation.results[i]);
  }
  graph_.operations.push_back(std::move(operation));
  return results;
}

std::vector<ValueInfo> GraphReader::infer_results(const Expression& e, const Operation& operation,
                                                  const OperatorDeclaration& declaration) {
  const std::string& op = operation.op;
  if (op == "variable" || op == "external" || op == "tract_core_external") return {infer_source(e, operation)};
  if (op == "tract_core_scan") read_scan(e, operation);
  try {
    std::vector<ValueInfo> infos = infer(graph_, operation, declaration);
    const std::optional<DType> stated = dtype_of_class(e.type);
    if (stated && infos.size() == 1) infos[0].dtype = *stated;
    return infos;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(e, error.what());
  }
}

ValueInfo GraphReader::infer_source(const Expression& e, const Operation& operation) {
  ValueInfo info = graph_.info(operation.results.at(0));
  const Argument* shape = operation.find("shape");
  if (!shape || !shape->array()) fail(e, "the shape is not an array");
  for (const Argument& extent : shape->array()->items) {
    if (!extent.dim()) fail(e, "the shape holds something else than sizes");
    info.shape.push_back(*extent.dim());
  }
  if (operation.op == "variable") {
    const Argument* argument = operation.find("label");
    const std::string* label = argument ? std::get_if<std::string>(&argument->is) : nullptr;
    if (!label) fail(e, "the label is not a string");
    const auto data = context_.variables.find(*label);
    if (data == context_.variables.end()) fail(e, "there is no tensor file for the label '" + *label + "'");
    // The tensor files of blocks may have a flattened shape.
    const bool reshaped = item_type_of(*data->second).is_block() && numel(info.shape) == data->second->numel();
    if (make_shape(data->second->shape()) != info.shape && !reshaped) {
      fail(e, "the tensor file of '" + *label + "' has shape " + to_string(make_shape(data->second->shape())) +
                  ", not " + to_string(info.shape));
    }
    info.dtype = data->second->dtype();
    context_.used.insert(*data);
    return info;
  }
  if (inputs_.erase(info.name) == 0) fail(e, "'" + info.name + "' is external but no input of the graph");
  const Argument* named = operation.find("datum_type");
  const std::string* text = named ? std::get_if<std::string>(&named->is) : nullptr;
  const std::optional<DType> dtype =
      text ? dtype_from_string(*text) : dtype_of_class(e.type.empty() ? "scalar" : e.type);
  if (!dtype) fail(e, "'" + (text ? *text : e.type) + "' is not an item type");
  info.dtype = *dtype;
  return info;
}

// Reads the body of a scan with the shapes that its operands give it. All scans over one body must agree on them.
void GraphReader::read_scan(const Expression& e, const Operation& operation) {
  const auto text = [&](const Argument* argument) {
    const std::string* name = argument ? std::get_if<std::string>(&argument->is) : nullptr;
    if (!name) fail(e, "a scan names its body, parameters and results by strings");
    return *name;
  };
  const std::string name = text(operation.find("body"));
  if (!is_document_fragment(name)) fail(e, "the scan's body '" + name + "' is no fragment of the document");
  const FragmentSyntax& fragment = *context_.fragments.at(name);
  std::map<std::string, ValueInfo> infos;
  for (const char* kind : {"scan", "full", "state"}) {
    const Argument* list = operation.find(kind);
    if (!list || !list->array()) fail(e, std::string("the scan's '") + kind + "' is not an array");
    for (const Argument& item : list->array()->items) {
      const Argument::Array* tuple = item.array();
      if (!tuple || tuple->items.size() < 2 || !tuple->items[1].value())
        fail(e, std::string("a tuple of '") + kind + "' names no tensor");
      ValueInfo info = graph_.info(*tuple->items[1].value());
      info.name = text(&tuple->items[0]);
      if (kind == std::string_view("scan")) {
        const Dim* axis = tuple->items.size() > 2 ? tuple->items[2].dim() : nullptr;
        const Dim* chunk = tuple->items.size() > 3 ? tuple->items[3].dim() : nullptr;
        const bool known = axis && axis->is_constant() && axis->value() >= 0 &&
                           axis->value() < static_cast<std::int64_t>(info.shape.size()) &&
                           (!chunk || chunk->is_constant());
        if (!known) fail(e, "the axis or the chunk of '" + info.name + "' is not a usable number");
        info.shape[static_cast<std::size_t>(axis->value())] = chunk ? std::abs(chunk->value()) : 1;
      }
      if (!infos.emplace(info.name, info).second) fail(e, "the body's parameter '" + info.name + "' is bound twice");
    }
  }
  std::vector<ValueInfo> parameters;
  for (const ParameterSyntax& parameter : fragment.parameters) {
    const auto found = infos.find(parameter.name);
    if (found == infos.end()) fail(e, "the body's parameter '" + parameter.name + "' is not bound");
    parameters.push_back(found->second);
  }
  if (infos.size() != parameters.size())
    fail(e, "the scan binds parameters that its body '" + name + "' does not have");
  add_scan_body(e, fragment, parameters);
}

void GraphReader::add_scan_body(const Expression& e, const FragmentSyntax& fragment,
                                const std::vector<ValueInfo>& parameters) {
  const auto known = std::find_if(graph_.fragments.begin(), graph_.fragments.end(),
                                  [&](const Fragment& other) { return other.body.name == fragment.name; });
  if (known != graph_.fragments.end()) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const ValueInfo& other = known->body.info(known->body.inputs[i]);
      if (other.dtype != parameters[i].dtype || other.shape != parameters[i].shape) {
        fail(e,
             "two scans use the body '" + fragment.name + "' with different shapes or types of '" + other.name + "'");
      }
    }
    return;
  }
  auto& active = context_.inlining;
  if (std::find(active.begin(), active.end(), fragment.name) != active.end())
    fail(e, "fragment '" + fragment.name + "' contains itself");
  if (active.size() >= kMaxInlining) fail(e, "fragments are nested too deeply");
  active.push_back(fragment.name);
  Fragment body;
  GraphReader(context_, body.body).read_body(fragment, parameters);
  active.pop_back();
  // The fragments of a document are one list; those of an inner scan come first.
  for (Fragment& inner : body.body.fragments) graph_.fragments.push_back(std::move(inner));
  body.body.fragments.clear();
  graph_.fragments.push_back(std::move(body));
}

}  // namespace nnef
