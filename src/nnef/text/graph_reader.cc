// Names, statements and the expressions that are no calls.
#include "nnef/text/graph_reader.h"

#include <algorithm>

#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

using Kind = Expression::Kind;

const std::map<std::string, std::string, std::less<>> kInfixOperators = {
    {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"^", "pow"},  {"<", "lt"},  {"<=", "le"},
    {">", "gt"},  {">=", "ge"}, {"==", "eq"}, {"!=", "ne"}, {"&&", "and"}, {"||", "or"},
};

}  // namespace

// --- names ---

void GraphReader::reserve_names(const std::vector<AssignmentSyntax>& body) {
  for (const AssignmentSyntax& statement : body) taken_.insert(statement.results.begin(), statement.results.end());
}

std::string GraphReader::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int& i = next_suffix_[wanted]; !taken_.insert(name).second;) name = wanted + "_" + std::to_string(++i);
  return name;
}

Value GraphReader::new_value(ValueInfo info) {
  graph_.values.push_back(std::move(info));
  return Value{static_cast<std::int32_t>(graph_.values.size()) - 1};
}

// The tensor that must have that name: a copy when an alias gives it another one.
Value GraphReader::as_value(const Argument& argument, const std::string& name, int line) {
  const Value* value = argument.value();
  if (!value) fail(line, "'" + name + "' is not a tensor");
  if (graph_.info(*value).name == name) return *value;
  ValueInfo info = graph_.info(*value);
  info.name = name;
  const Value copy = new_value(std::move(info));
  add_operation({"copy", {{"x", *value}}, {copy}, ""}, {line, 1});
  return copy;
}

std::string GraphReader::result_name(const Scope& scope, const std::string& name) {
  const auto known = scope.result_names.find(name);
  if (known != scope.result_names.end()) return known->second;
  return scope.prefix.empty() ? name : wish(scope.prefix + "_" + name);
}

bool GraphReader::depends_on_input(const Argument& argument) const {
  if (const Value* value = argument.value()) return constants_.count(*value) == 0;
  const Argument::Array* array = argument.array();
  return array && std::any_of(array->items.begin(), array->items.end(),
                              [&](const Argument& item) { return depends_on_input(item); });
}

void GraphReader::add_operation(Operation operation, Place place) {
  const bool is_input = operation.op == "external" || operation.op == "tract_core_external";
  const auto is_constant = [&](const NamedArgument& named) { return !depends_on_input(named.argument); };
  if (!is_input && std::all_of(operation.arguments.begin(), operation.arguments.end(), is_constant)) {
    constants_.insert(operation.results.begin(), operation.results.end());
  }
  graph_.operations.push_back(std::move(operation));
  places_.push_back(place);
}

// A second assignment is an error of the specification. tract takes the later one, and writes such texts.
void GraphReader::define(Scope& scope, const std::string& name, Argument value, int line) {
  const auto [known, is_new] = scope.names.emplace(name, value);
  if (is_new) return;
  if (context_.dialect.target().kind == Target::Kind::kKhronos) fail(line, "'" + name + "' is assigned twice");
  const Value* old = known->second.value();
  if (old && graph_.info(*old).name == name) graph_.info(*old).name = unique(name);
  known->second = std::move(value);
  if (context_.log) context_.log->warnings.emplace_back(context_.file, line, 1, "'" + name + "' is assigned twice");
}

// --- bodies ---

void GraphReader::read_graph(const DocumentSyntax::GraphSyntax& syntax) {
  graph_.name = syntax.name;
  inputs_.insert(syntax.inputs.begin(), syntax.inputs.end());
  reserve_names(syntax.body);
  Scope scope;
  run_all(syntax.body, scope);
  const int end = syntax.body.empty() ? syntax.line : syntax.body.back().line;
  const auto add = [&](const std::string& name, bool is_input) {
    const auto found = scope.names.find(name);
    if (scope.unreadable.count(name) != 0) return;
    if (found == scope.names.end() || (is_input && inputs_.count(name) != 0)) {
      fail(end, is_input ? "the graph's input '" + name + "' has no external"
                         : "the graph's output '" + name + "' is never assigned");
    }
    (is_input ? graph_.inputs : graph_.outputs).push_back(as_value(found->second, name, end));
  };
  const auto add_all = [&](const std::vector<std::string>& names, bool are_inputs) {
    for (const std::string& name : names) {
      try {
        add(name, are_inputs);
      } catch (const SyntaxError& error) {
        if (!context_.log) throw;
        context_.log->errors.push_back(error);
      }
    }
  };
  add_all(syntax.inputs, true);
  add_all(syntax.outputs, false);
  if (context_.log) context_.log->operations = std::move(places_);
}

void GraphReader::read_body(const FragmentSyntax& fragment, const std::vector<ValueInfo>& parameters) {
  graph_.name = fragment.name;
  reserve_names(fragment.body);
  Scope scope;
  for (const ValueInfo& parameter : parameters) {
    taken_.insert(parameter.name);
    const Value value = new_value(parameter);
    graph_.inputs.push_back(value);
    define(scope, parameter.name, value, fragment.line);
  }
  run_all(fragment.body, scope);
  for (const ParameterSyntax& result : fragment.results) {
    const auto found = scope.names.find(result.name);
    if (scope.unreadable.count(result.name) != 0) throw Unreadable{};
    if (found == scope.names.end()) fail(fragment.line, "the result '" + result.name + "' is never assigned");
    graph_.outputs.push_back(as_value(found->second, result.name, fragment.line));
  }
  if (context_.log) context_.log->in_fragments[fragment.name] = std::move(places_);
}

void GraphReader::run_all(const std::vector<AssignmentSyntax>& body, Scope& scope) {
  for (const AssignmentSyntax& statement : body) {
    const std::vector<std::string> inlining = context_.inlining;
    try {
      run(statement, scope);
      continue;
    } catch (const Unreadable&) {
    } catch (const SyntaxError& error) {
      if (!context_.log) throw;
      context_.log->errors.push_back(error);
    }
    context_.inlining = inlining;
    for (const std::string& name : statement.results) {
      if (scope.names.count(name) == 0) scope.unreadable.insert(name);
    }
  }
}

// Some writers state an operation twice. True, with the second one taken back, when that is all there is to it.
bool GraphReader::repeats(const AssignmentSyntax& statement, const Scope& scope, const Argument& again) {
  if (context_.dialect.target().kind == Target::Kind::kKhronos) return false;
  if (statement.results.size() != 1 || graph_.operations.empty() || !again.value()) return false;
  const auto known = scope.names.find(statement.results[0]);
  if (known == scope.names.end() || !known->second.value()) return false;
  const Operation& last = graph_.operations.back();
  if (last.results != std::vector<Value>{*again.value()}) return false;
  const auto same = [&](const Operation& other) {
    return other.results == std::vector<Value>{*known->second.value()} && other.op == last.op &&
           std::equal(other.arguments.begin(), other.arguments.end(), last.arguments.begin(), last.arguments.end(),
                      [&](const NamedArgument& a, const NamedArgument& b) {
                        return a.name == b.name && same_argument(graph_, a.argument, graph_, b.argument);
                      });
  };
  if (std::none_of(graph_.operations.begin(), graph_.operations.end(), same)) return false;
  sizes_.erase(*again.value());
  constants_.erase(*again.value());
  graph_.operations.pop_back();
  places_.pop_back();
  graph_.values.pop_back();
  return true;
}

void GraphReader::run(const AssignmentSyntax& statement, Scope& scope) {
  std::vector<std::string> names;
  for (const std::string& name : statement.results) {
    const std::string wanted = result_name(scope, name);
    names.push_back(scope.names.count(name) != 0 ? wish(wanted) : wanted);
  }
  if (names.size() == 1 && !statement.is_array && statement.value->kind != Kind::kInvocation) {
    define(scope, statement.results[0], evaluate(*statement.value, scope, names[0]), statement.line);
    return;
  }
  std::vector<Argument> values = evaluate_results(*statement.value, scope, names);
  if (values.size() != names.size()) {
    fail(statement.line,
         std::to_string(names.size()) + " names are assigned " + std::to_string(values.size()) + " results");
  }
  if (values.size() == 1 && repeats(statement, scope, values[0])) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    define(scope, statement.results[i], std::move(values[i]), statement.line);
}

// --- expressions ---

Argument GraphReader::evaluate(const Expression& e, Scope& scope, const std::string& hint) {
  try {
    if (std::optional<Argument> literal = read_item(e)) return *std::move(literal);
    switch (e.kind) {
      case Kind::kIdentifier:
        return identifier(e, scope);
      case Kind::kArray:
      case Kind::kTuple:
        return list(e, scope, hint);
      case Kind::kUnary:
        return unary(e, scope, hint);
      case Kind::kBinary:
        return binary(e, scope, hint);
      case Kind::kIfElse:
        return if_else(e, scope, hint);
      case Kind::kSubscript:
      case Kind::kSlice:
        return subscript(e, scope);
      case Kind::kComprehension:
        return comprehension(e, scope, hint);
      default:
        break;
    }
  } catch (const SyntaxError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // from constants; they know no place
    fail(e, error.what());
  }
  std::vector<Argument> results = evaluate_results(e, scope, {hint});
  if (results.size() != 1)
    fail(e, "'" + e.text + "' has " + std::to_string(results.size()) + " results, one is needed");
  return std::move(results[0]);
}

std::vector<Argument> GraphReader::evaluate_results(const Expression& e, Scope& scope,
                                                    const std::vector<std::string>& names) {
  if (e.kind == Kind::kInvocation) {
    Argument constant = 0;
    if (built_in(e, scope, &constant)) return {constant};
    return is_document_fragment(e.text) ? inlined(e, scope, names) : invoke(e, scope, names);
  }
  const std::string hint = names.empty() ? wish("unnamed") : names[0];
  if (e.kind == Kind::kArray || e.kind == Kind::kTuple) return array(e, scope, hint);
  return {evaluate(e, scope, hint)};
}

Argument GraphReader::identifier(const Expression& e, const Scope& scope) {
  const auto found = scope.names.find(e.text);
  if (found != scope.names.end()) return found->second;
  if (scope.unreadable.count(e.text) != 0) throw Unreadable{};
  if (context_.symbols.count(e.text) != 0) return Dim::symbol(e.text);
  fail(e, "'" + e.text + "' is not defined");
}

Argument GraphReader::list(const Expression& e, Scope& scope, const std::string& hint) {
  Argument::Array result;
  result.is_tuple = e.kind == Kind::kTuple;
  context_.items += e.children.size();
  if (context_.items > kMaxItems) fail(e, "the text expands to too many items");
  for (const ExpressionPtr& child : e.children) result.items.push_back(evaluate(*child, scope, wish(hint)));
  return result;
}

Argument GraphReader::unary(const Expression& e, Scope& scope, const std::string& hint) {
  Argument operand = evaluate(*e.children[0], scope, wish(hint));
  if (!operand.value()) return fold_unary(e.text, operand);
  if (e.text == "+") return operand;
  return emit(e, {e.text == "-" ? "neg" : "not", {{"x", operand}}, {}, ""}, {hint}).at(0);
}

Argument GraphReader::binary(const Expression& e, Scope& scope, const std::string& hint) {
  Argument left = evaluate(*e.children[0], scope, wish(hint));
  Argument right = evaluate(*e.children[1], scope, wish(hint));
  if (!left.value() && !right.value()) {
    Argument result = fold_binary(e.text, left, right);
    context_.items += deep_size(result);
    if (context_.items > kMaxItems) fail(e, "the text expands to too many items");
    return result;
  }
  const auto op = kInfixOperators.find(e.text);
  if (op == kInfixOperators.end()) fail(e, "'" + e.text + "' is not defined for tensors");
  return emit(e, {op->second, {{"x", left}, {"y", right}}, {}, ""}, {hint}).at(0);
}

Argument GraphReader::if_else(const Expression& e, Scope& scope, const std::string& hint) {
  return evaluate(*e.children[logical(*e.children[1], scope) ? 0 : 2], scope, hint);
}

std::int64_t GraphReader::integer(const Expression& e, Scope& scope) {
  const Argument argument = known_sizes(evaluate(e, scope, wish("index")));
  const Dim* dim = argument.dim();
  if (!dim || !dim->is_constant()) fail(e, "an integer is needed here");
  return dim->value();
}

bool GraphReader::logical(const Expression& e, Scope& scope) {
  const Argument argument = evaluate(e, scope, wish("condition"));
  const bool* value = std::get_if<bool>(&argument.is);
  if (!value) fail(e, "a condition must be known when the text is read");
  return *value;
}

std::vector<Argument> GraphReader::array(const Expression& e, Scope& scope, const std::string& hint) {
  Argument argument = evaluate(e, scope, hint);
  if (!argument.array()) fail(e, "an array is needed here");
  return std::get<Argument::Array>(std::move(argument.is)).items;
}

Argument GraphReader::subscript(const Expression& e, Scope& scope) {
  std::vector<Argument> items = array(*e.children[0], scope, wish("array"));
  const auto size = static_cast<std::int64_t>(items.size());
  const auto bound = [&](std::size_t child, std::int64_t absent) {
    return e.children[child] ? integer(*e.children[child], scope) : absent;
  };
  const std::int64_t begin = bound(1, 0);
  if (e.kind == Kind::kSubscript) {
    if (begin < 0 || begin >= size)
      fail(e, "index " + std::to_string(begin) + " of an array of " + std::to_string(size));
    return items[static_cast<std::size_t>(begin)];
  }
  const std::int64_t end = bound(2, size);
  if (begin < 0 || end < begin || end > size) {
    fail(e, "range " + std::to_string(begin) + ":" + std::to_string(end) + " of an array of " + std::to_string(size));
  }
  Argument::Array result;
  result.items.assign(items.begin() + begin, items.begin() + end);
  return result;
}

// Several variables run in step, as the specification says.
Argument GraphReader::comprehension(const Expression& e, Scope& scope, const std::string& hint) {
  std::vector<std::vector<Argument>> columns;
  for (const ExpressionPtr& child : e.children) {
    columns.push_back(array(*child, scope, wish(hint)));
    if (columns.back().size() != columns[0].size()) fail(e, "the arrays of a comprehension differ in length");
  }
  Argument::Array result;
  Scope inner = scope;
  for (std::size_t i = 0; i < columns[0].size(); ++i) {
    if (++context_.items > kMaxItems) fail(e, "the text expands to too many items");
    for (std::size_t k = 0; k < columns.size(); ++k) inner.names.insert_or_assign(e.names[k], columns[k][i]);
    if (e.condition && !logical(*e.condition, inner)) continue;
    result.items.push_back(evaluate(*e.value, inner, wish(hint)));
  }
  return result;
}

// --- invocations ---

bool GraphReader::built_in(const Expression& e, Scope& scope, Argument* result) {
  if (is_document_fragment(e.text)) return false;
  if (e.text != "shape_of" && !is_fold_call(e.text)) return false;
  std::vector<Argument> arguments;
  for (const ExpressionPtr& child : e.children) arguments.push_back(evaluate(*child, scope, wish("argument")));
  if (arguments.size() != 1) fail(e, e.text + "() takes one argument");
  if (e.text != "shape_of") {
    *result = fold_call(e.text, arguments[0]);
    return true;
  }
  if (!arguments[0].value()) fail(e, "shape_of() takes a tensor");
  *result = graph_.info(*arguments[0].value()).shape;
  return true;
}

bool GraphReader::is_document_fragment(const std::string& name) const {
  const auto found = context_.fragments.find(name);
  return found != context_.fragments.end() && found->second->has_body;
}

}  // namespace nnef
