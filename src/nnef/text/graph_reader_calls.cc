// Calls: of operators, of the document's fragments, and of scans, whose bodies are read as graphs of their own.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "nnef/archive/item_type.h"
#include "nnef/builder/builder.h"
#include "nnef/text/graph_reader.h"
#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

std::optional<DType> dtype_of_class(std::string_view type) {
  if (type == "scalar") return DType::kF32;
  if (type == "integer") return DType::kI64;
  if (type == "logical") return DType::kBool;
  return std::nullopt;
}

// Gives an argument another value, or its place in the order of the declaration.
void set_argument(Operation& operation, const OperatorDeclaration& declaration, const char* name, Argument argument) {
  const auto place_of = [&](const std::string& parameter) { return declaration.find(parameter); };
  auto at = operation.arguments.begin();
  while (at != operation.arguments.end() && place_of(at->name) < place_of(name)) ++at;
  if (at != operation.arguments.end() && at->name == name) {
    at->argument = std::move(argument);
  } else {
    operation.arguments.insert(at, {name, std::move(argument)});
  }
}

// Operators whose operands are of one type.
bool takes_equal_types(std::string_view op) {
  constexpr std::array<std::string_view, 20> kOperators = {
      "add", "sub", "mul", "div",    "pow",   "min",    "max",    "eq",   "ne",     "lt",
      "gt",  "le",  "ge",  "select", "clamp", "matmul", "linear", "conv", "deconv", "batch_normalization"};
  return std::find(kOperators.begin(), kOperators.end(), op) != kOperators.end();
}

bool takes_part(const OperatorDeclaration& op, std::string_view name) {
  const Parameter* parameter = op.find(name);
  return parameter && parameter->is_tensor && !parameter->is_tensor_array && name != "condition";
}

// Which of two types tract widens to the other; 0 for those that it does not.
int rank_of(DType dtype) {
  switch (dtype) {
    case DType::kI32:
      return 1;
    case DType::kI64:
      return 2;
    case DType::kF16:
      return 3;
    case DType::kF32:
      return 4;
    case DType::kF64:
      return 5;
    default:
      return 0;
  }
}

// tract reads the names of types in either case.
std::optional<DType> dtype_in_any_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return dtype_from_string(text);
}

bool is_type_name(std::string_view parameter) {
  return parameter == "to" || parameter == "datum_type" || parameter == "acc" || parameter == "acc_datum_type";
}

// The name of a type as the graph has it; other texts, such as quantised types, as they are. Sizes are i64 here.
Argument lower_case(Argument argument) {
  const std::string* text = std::get_if<std::string>(&argument.is);
  if (!text) return argument;
  if (const std::optional<DType> dtype = dtype_in_any_case(*text)) return std::string(to_string(*dtype));
  return *text == "TDim" || *text == "tdim" || *text == "TDIM" ? Argument("i64") : argument;
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
  run_all(fragment.body, inner);
  active.pop_back();
  std::vector<Argument> results;
  for (const ParameterSyntax& result : fragment.results) {
    const auto found = inner.names.find(result.name);
    if (inner.unreadable.count(result.name) != 0) throw Unreadable{};
    if (found == inner.names.end()) fail(fragment.line, "the result '" + result.name + "' is never assigned");
    results.push_back(found->second);
  }
  return results;
}

std::vector<Argument> GraphReader::invoke(const Expression& e, Scope& scope, const std::vector<std::string>& names) {
  const OperatorDeclaration* declaration = context_.dialect.find(e.text);
  if (!declaration) fail(e, "unknown operator or fragment '" + e.text + "'");
  const std::vector<const Expression*> bound = bind(e, declaration->parameters);
  Operation operation{e.text, {}, {}, ""};
  const std::string hint = wish(names.empty() ? e.text : names[0]);
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const Parameter& parameter = declaration->parameters[i];
    if (bound[i]) {
      operation.arguments.push_back({parameter.name, fit(e, evaluate(*bound[i], scope, hint), parameter, hint)});
    } else if (!parameter.default_text) {
      fail(e, "'" + e.text + "' needs '" + parameter.name + "'");
    }
  }
  try {
    if (const std::optional<Argument> padding = automatic_padding(graph_, operation)) {
      set_argument(operation, *declaration, "padding", *padding);
    }
  } catch (const std::runtime_error& error) {
    fail(e, error.what());
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
  if (!declaration) fail(e, "unknown operator '" + operation.op + "'");
  if (!declaration->result_is_array && declaration->results.size() != names.size()) {
    fail(e, "'" + operation.op + "' has " + std::to_string(declaration->results.size()) + " results, " +
                std::to_string(names.size()) + " are taken");
  }
  if (++context_.operations > kMaxOperations) fail(e, "the text expands to too many operations");
  unify(e, operation, *declaration);
  std::optional<Argument> sizes = fold_sizes(graph_, operation, [&](const Argument& a) { return known_sizes(a); });
  // Inference counts the results; their infos are placeholders until it has spoken.
  for (const std::string& name : names) {
    operation.results.push_back(new_value({name.starts_with(kWish) ? unique(name.substr(1)) : name, DType::kF32, {}}));
  }
  std::vector<ValueInfo> infos;
  try {
    infos = infer_results(e, operation, *declaration);
    if (infos.size() != names.size()) {
      fail(e, "'" + operation.op + "' gives " + std::to_string(infos.size()) + " results, " +
                  std::to_string(names.size()) + " are taken");
    }
  } catch (...) {
    graph_.values.resize(graph_.values.size() - names.size());
    // Arithmetic of sizes that stands in no tensor: the engine does it when it loads the graph.
    if (sizes && names.size() == 1) return {std::move(*sizes)};
    throw;
  }
  std::vector<Argument> results;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    ValueInfo& info = graph_.info(operation.results[i]);
    info.dtype = infos[i].dtype;
    info.shape = infos[i].shape;
    results.emplace_back(operation.results[i]);
  }
  if (sizes && names.size() == 1) sizes_.emplace(operation.results[0], std::move(*sizes));
  add_operation(std::move(operation), {e.line, e.column});
  return results;
}

Value GraphReader::cast(const Expression& e, const Argument& argument, DType to) {
  const Value* value = argument.value();
  Shape shape = value ? graph_.info(*value).shape : Shape{};
  const Value result = new_value({unique(value ? graph_.info(*value).name + "_cast" : "number"), to, std::move(shape)});
  if (argument.dim() && to == DType::kI64) sizes_.emplace(result, argument);
  const NamedArgument type{"to", std::string(to_string(to))};
  add_operation({"tract_core_cast", {{"input", argument}, type}, {result}, ""}, {e.line, e.column});
  return result;
}

// tract widens the narrower of two operands, gives constants the type of what they stand beside, and takes integers
// beside a tensor of integers: the flat graph says it.
void GraphReader::unify(const Expression& e, Operation& operation, const OperatorDeclaration& op) {
  if (context_.dialect.target().kind == Target::Kind::kKhronos || !takes_equal_types(operation.op)) return;
  const auto widest_of = [&](bool constants_too) {
    std::optional<DType> widest;
    for (const NamedArgument& named : operation.arguments) {
      const Value* value = named.argument.value();
      if (!value || !takes_part(op, named.name) || (!constants_too && constants_.count(*value) != 0)) continue;
      const DType dtype = graph_.info(*value).dtype;
      if (!widest || rank_of(dtype) > rank_of(*widest)) widest = dtype;
    }
    return widest;
  };
  std::optional<DType> widest = widest_of(false);
  if (!widest) widest = widest_of(true);
  if (!widest) return;
  for (NamedArgument& named : operation.arguments) {
    if (!takes_part(op, named.name)) continue;
    if (const Value* value = named.argument.value()) {
      const DType dtype = graph_.info(*value).dtype;
      const bool widens = dtype != *widest && rank_of(dtype) > 0 && is_float(dtype) == is_float(*widest);
      const bool is_bias = named.name == "bias" && is_integer(dtype) && is_float(*widest);
      if (widens || is_bias) named.argument = cast(e, *value, *widest);
    } else if (named.argument.dim() && is_integer(*widest)) {
      named.argument = cast(e, named.argument, *widest);
    }
  }
}

// What a value holds, where that is known; anything else as it is.
Argument GraphReader::known_sizes(const Argument& argument) const {
  if (const Value* value = argument.value()) {
    const auto known = sizes_.find(*value);
    return known == sizes_.end() ? argument : known->second;
  }
  const Argument::Array* array = argument.array();
  if (!array) return argument;
  Argument::Array result;
  result.is_tuple = array->is_tuple;
  for (const Argument& item : array->items) result.items.push_back(known_sizes(item));
  return result;
}

// An argument as the flat graph has it: attributes are numbers and arrays of them, tensors are values or rank 0.
Argument GraphReader::fit(const Expression& e, Argument argument, const Parameter& parameter, const std::string& hint) {
  if (parameter.is_tensor) {
    const Argument::Array* array = argument.array();
    if (!array) return argument;
    if (!parameter.is_tensor_array) return constant(e, argument, hint);
    Argument::Array result;
    for (const Argument& item : array->items) {
      result.items.push_back(item.array() ? Argument(constant(e, item, hint)) : item);
    }
    return result;
  }
  if (parameter.type.starts_with("(string,tensor")) return fit_tuples(e, std::move(argument), hint);
  if (is_type_name(parameter.name)) return lower_case(std::move(argument));
  if (parameter.type.starts_with("integer") || parameter.type.starts_with("(integer")) argument = known_sizes(argument);
  const bool one_for_many = (parameter.type == "integer[]" || parameter.type == "scalar[]") && !argument.array();
  if (!one_for_many || argument.value()) return argument;
  Argument::Array result;  // engines take a number for an array of one
  result.items.push_back(std::move(argument));
  return result;
}

// The tensors of a scan.
Argument GraphReader::fit_tuples(const Expression& e, Argument argument, const std::string& hint) {
  Argument::Array* list = std::get_if<Argument::Array>(&argument.is);
  if (!list) return argument;
  for (Argument& item : list->items) {
    Argument::Array* tuple = std::get_if<Argument::Array>(&item.is);
    if (!tuple || tuple->items.size() < 2 || !tuple->items[1].array()) continue;
    tuple->items[1] = constant(e, tuple->items[1], hint);
  }
  return argument;
}

// An array literal in a tensor's place, as tract writes small tensors: a variable of its own.
Value GraphReader::constant(const Expression& e, const Argument& array, const std::string& hint) {
  if (context_.dialect.target().kind == Target::Kind::kKhronos) fail(e, "an array is given where a tensor is needed");
  TensorDataPtr data;
  try {
    data = array_tensor(array);
  } catch (const std::exception& error) {
    fail(e, error.what());
  }
  std::string label = hint.starts_with(kWish) ? hint.substr(1) : hint;
  for (int i = 1; context_.variables.count(label) != 0 || context_.used.count(label) != 0; ++i) {
    label = hint.substr(hint.starts_with(kWish) ? 1 : 0) + "_constant_" + std::to_string(i);
  }
  context_.used.emplace(label, data);
  const Value value = new_value({unique(label), data->dtype(), make_shape(data->shape())});
  add_operation({"variable", {{"shape", data->shape()}, {"label", label}}, {value}, ""}, {e.line, e.column});
  return value;
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

// In Khronos NNEF a variable says what its items are, by class: f32, i64 and bool stand for scalar, integer and logical
// of any width. Quantised integers are scalars.
DType GraphReader::stated_dtype(const Expression& e, const TensorData& data) const {
  const std::string stated = e.type.empty() ? "scalar" : e.type;
  const ItemType type = item_type_of(data);
  if (is_quantised(type) && stated == "scalar") return DType::kF32;
  const DType dtype = data.dtype();
  const DType found = dtype == DType::kBool ? DType::kBool : is_integer(dtype) ? DType::kI64 : DType::kF32;
  if (dtype_of_class(stated) != found) fail(e, "variable<" + stated + "> has a tensor file of " + describe(type));
  return found;
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
    if (data == context_.variables.end()) fail(e, "the tensor file is missing for the label '" + *label + "'");
    if (!data->second) throw Unreadable{};  // the file itself is wrong
    // The tensor files of blocks may have a flattened shape.
    const bool reshaped = item_type_of(*data->second).is_block() && numel(info.shape) == data->second->numel();
    if (make_shape(data->second->shape()) != info.shape && !reshaped) {
      fail(e, "the tensor file of '" + *label + "' has shape " + to_string(make_shape(data->second->shape())) +
                  ", not " + to_string(info.shape));
    }
    info.dtype = data->second->dtype();
    if (context_.dialect.target().kind == Target::Kind::kKhronos) info.dtype = stated_dtype(e, *data->second);
    context_.used.insert(*data);
    return info;
  }
  if (inputs_.erase(info.name) == 0) fail(e, "'" + info.name + "' is external but no input of the graph");
  const Argument* named = operation.find("datum_type");
  const std::string* text = named ? std::get_if<std::string>(&named->is) : nullptr;
  const std::optional<DType> dtype =
      text ? dtype_in_any_case(*text) : dtype_of_class(e.type.empty() ? "scalar" : e.type);
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
  if (!is_document_fragment(name)) fail(e, "the scan's body '" + name + "' is not a fragment of the document");
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
