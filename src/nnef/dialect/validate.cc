// The rules that readers rely on, checked over a whole graph: its declarations, then each body in order.
#include "nnef/dialect/validate.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "nnef/builder/builder.h"
#include "nnef/dialect/quant_rules.h"
#include "nnef/dialect/target_rules.h"
#include "nnef/text/names.h"

namespace nnef {
namespace {

// Checks the body of the graph or of a fragment.
class BodyCheck {
 public:
  // `body` is the graph, or a fragment's body with the symbols, variables and fragments of the graph.
  BodyCheck(const Graph& body, const Dialect& dialect, int fragment, std::vector<Problem>& problems)
      : body_(body),
        dialect_(dialect),
        fragment_(fragment),
        is_fragment_(fragment >= 0),
        problems_(problems),
        symbols_(body.symbols.begin(), body.symbols.end()),
        defined_(body.values.size(), false) {}

  void run() {
    check_values();
    for (Value input : body_.inputs) {
      if (!is_known(input)) return say("an input is not a value of the graph");
      if (is_fragment_) define(input, "as a parameter");
    }
    for (const Operation& operation : body_.operations) {
      ++at_;
      check_operation(operation);
    }
    at_ = -1;
    check_ends();
  }

 private:
  void say(const std::string& problem) {
    problems_.push_back({(is_fragment_ ? "Fragment '" + body_.name + "': " : "") + problem + ".", fragment_, at_});
  }

  bool is_known(Value value) const { return value.id >= 0 && static_cast<std::size_t>(value.id) < body_.values.size(); }
  bool is_defined(Value value) const { return defined_[static_cast<std::size_t>(value.id)]; }
  std::string name(Value value) const { return "'" + body_.info(value).name + "'"; }

  void define(Value value, const std::string& where) {
    if (is_defined(value)) say(name(value) + " is defined a second time " + where);
    defined_[static_cast<std::size_t>(value.id)] = true;
  }

  void check_symbols(const Dim& dim, const std::string& where) {
    for (const std::string& symbol : dim.symbols()) {
      if (symbols_.count(symbol) == 0) say("the symbol '" + symbol + "' of " + where + " is not declared");
    }
  }

  void check_values() {
    std::unordered_set<std::string> names;
    for (const ValueInfo& info : body_.values) {
      if (!is_name(info.name, dialect_.target())) say("'" + info.name + "' cannot be the name of a value");
      if (symbols_.count(info.name) != 0) say("'" + info.name + "' is a value and a symbol");
      if (!names.insert(info.name).second) say("two values have the name '" + info.name + "'");
      for (const Dim& dim : info.shape) check_symbols(dim, "the shape of '" + info.name + "'");
    }
  }

  // False when a value is used that does not exist yet; nothing can be inferred then.
  bool check_uses(const Argument& argument, const std::string& what) {
    if (const Value* value = argument.value()) {
      if (!is_known(*value)) return say(what + " uses a value that does not exist"), false;
      if (!is_defined(*value)) return say(what + " uses " + name(*value) + " before its definition"), false;
    } else if (const Dim* dim = argument.dim()) {
      check_symbols(*dim, what);
    } else if (const Argument::Array* array = argument.array()) {
      bool good = true;
      for (const Argument& item : array->items) good = check_uses(item, what) && good;
      return good;
    }
    return true;
  }

  bool check_arguments(const Operation& operation, const OperatorDeclaration& declaration, const std::string& what) {
    bool good = true;
    std::set<std::string_view> given;
    for (const NamedArgument& named : operation.arguments) {
      if (declaration.find(named.name) == nullptr) {
        say(what + " has no parameter '" + named.name + "'");
        good = false;
      }
      if (!given.insert(named.name).second) {
        say(what + " is given '" + named.name + "' twice");
        good = false;
      }
      good = check_uses(named.argument, what) && good;
    }
    for (const Parameter& parameter : declaration.parameters) {
      if (!parameter.is_required() || given.count(parameter.name) != 0) continue;
      say(what + " lacks the argument '" + parameter.name + "'");
      good = false;
    }
    return good;
  }

  // What Khronos NNEF says of a variable or a cast is the class alone, and that stands in the text.
  bool same_type(const Operation& operation, DType stated, DType inferred) const {
    const bool says_class = operation.op == "variable" || operation.op == "cast" || operation.op == "external" ||
                            operation.op == "constant";
    return stated == inferred || (dialect_.target().kind == Target::Kind::kKhronos && says_class);
  }

  void check_results(const Operation& operation, const OperatorDeclaration& declaration, const std::string& what) {
    std::vector<ValueInfo> inferred;
    try {
      inferred = infer(body_, operation, declaration);
    } catch (const BuildError& error) {
      std::string reason = error.what();
      if (reason.ends_with('.')) reason.pop_back();
      if (reason.starts_with(operation.op + ": ")) reason.erase(0, operation.op.size() + 2);
      return say(what + ": " + reason);
    }
    if (inferred.size() != operation.results.size()) {
      return say(what + " gives " + std::to_string(inferred.size()) + " results, not " +
                 std::to_string(operation.results.size()));
    }
    for (std::size_t i = 0; i < inferred.size(); ++i) {
      const ValueInfo& stated = body_.info(operation.results[i]);
      if (same_type(operation, stated.dtype, inferred[i].dtype) && stated.shape == inferred[i].shape) continue;
      say("'" + stated.name + "' is stated as " + std::string(to_string(stated.dtype)) + to_string(stated.shape) +
          " but " + what + " gives " + std::string(to_string(inferred[i].dtype)) + to_string(inferred[i].shape));
    }
  }

  void check_operation(const Operation& operation) {
    for (Value result : operation.results) {
      if (!is_known(result)) return say(operation.op + " has a result that is not a value of the graph");
    }
    if (operation.results.empty()) return say(operation.op + " has no result");
    const std::string what = operation.op + " of " + name(operation.results[0]);
    const OperatorDeclaration* declaration = dialect_.find(operation.op);
    if (declaration == nullptr) {
      say("unknown operator '" + operation.op + "'");
    } else if (const std::string reason = dialect_.why_not(*declaration); !reason.empty()) {
      say("the operator " + operation.op + " " + reason);
    } else if (check_arguments(operation, *declaration, what)) {
      if (const std::string wrong = why_wrong(body_, operation, dialect_.target()); !wrong.empty()) {
        say("the operator " + operation.op + " " + wrong);
      }
      check_results(operation, *declaration, what);
    }
    check_source(operation);
    for (Value result : operation.results) define(result, "by " + operation.op);
  }

  void check_source(const Operation& operation) {
    if (operation.op != "external" && operation.op != "tract_core_external") return;
    const Value result = operation.results[0];
    const bool is_input = std::find(body_.inputs.begin(), body_.inputs.end(), result) != body_.inputs.end();
    if (!is_input || is_fragment_) say(name(result) + " is external but no input");
  }

  void check_ends() {
    for (Value input : body_.inputs) {
      if (!is_defined(input)) say("the input " + name(input) + " has no external");
    }
    std::set<Value> inputs, outputs;
    for (Value input : body_.inputs) {
      if (!inputs.insert(input).second) say("the input " + name(input) + " is listed twice");
    }
    if (body_.outputs.empty()) say("the graph has no output");
    for (Value output : body_.outputs) {
      if (!is_known(output)) {
        say("an output is not a value of the graph");
        continue;
      }
      if (!is_defined(output)) say("the output " + name(output) + " is never defined");
      if (!outputs.insert(output).second) say("the output " + name(output) + " is listed twice");
    }
  }

  const Graph& body_;
  const Dialect& dialect_;
  const int fragment_;
  const bool is_fragment_;
  int at_ = -1;  // the operation that is being checked
  std::vector<Problem>& problems_;
  const std::unordered_set<std::string> symbols_;
  std::vector<bool> defined_;
};

// The registries and the symbols against what the operations use.
void check_declarations(const Graph& graph, const Dialect& dialect, std::vector<Problem>& problems) {
  std::set<std::string> known;
  for (const std::string& symbol : graph.symbols) {
    if (!is_plain_name(symbol)) problems.push_back({"'" + symbol + "' cannot be the name of a symbol.", -1, -1});
    if (!known.insert(symbol).second) problems.push_back({"The symbol '" + symbol + "' is declared twice.", -1, -1});
  }
  if (dialect.target().kind == Target::Kind::kKhronos) return;
  std::set<std::string> missing;
  const auto collect = [&](const Graph& body) {
    for (const Operation& operation : body.operations) {
      const OperatorDeclaration* declaration = dialect.find(operation.op);
      if (declaration == nullptr || declaration->registry.empty()) continue;
      const auto& given = graph.registries;
      if (std::find(given.begin(), given.end(), declaration->registry) != given.end()) continue;
      if (!missing.insert(declaration->registry).second) continue;
      problems.push_back(
          {"The operator " + operation.op + " needs the registry " + declaration->registry + ", which is not declared.",
           -1, -1});
    }
  };
  collect(graph);
  for (const Fragment& fragment : graph.fragments) collect(fragment.body);
}

}  // namespace

std::vector<Problem> find_problems(const Graph& graph, const Dialect& dialect) {
  std::vector<Problem> problems;
  check_declarations(graph, dialect, problems);
  std::set<std::string> fragments;
  for (const Fragment& fragment : graph.fragments) {
    if (!is_name(fragment.body.name, dialect.target())) {
      problems.push_back({"'" + fragment.body.name + "' cannot be the name of a fragment.", -1, -1});
    }
    if (!fragments.insert(fragment.body.name).second) {
      problems.push_back({"The fragment '" + fragment.body.name + "' is defined twice.", -1, -1});
    }
    Graph body = fragment.body;
    body.symbols = graph.symbols;
    body.variables = graph.variables;
    const bool nested = std::any_of(body.operations.begin(), body.operations.end(),
                                    [](const Operation& operation) { return operation.op == "tract_core_scan"; });
    if (nested) body.fragments = graph.fragments;
    BodyCheck(body, dialect, static_cast<int>(&fragment - graph.fragments.data()), problems).run();
  }
  BodyCheck(graph, dialect, -1, problems).run();
  return problems;
}

std::vector<std::string> validate(const Graph& graph, const Dialect& dialect) {
  std::vector<std::string> texts;
  for (const QuantProblem& problem : quant_problems(graph, dialect)) texts.push_back(problem.text + ".");
  for (Problem& problem : find_problems(graph, dialect)) texts.push_back(std::move(problem.text));
  return texts;
}

}  // namespace nnef
