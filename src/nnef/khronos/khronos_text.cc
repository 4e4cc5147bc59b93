// Khronos NNEF 1.0.5: rules of the text.
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "nnef/khronos/khronos_rules.h"

namespace nnef {
namespace {

using Kind = Expression::Kind;

constexpr std::string_view kFragments = "KHR_enable_fragment_definitions";
constexpr std::string_view kExpressions = "KHR_enable_operator_expressions";

struct Formal {
  std::string name, type;
};

bool is_literal(const Expression& e) {
  return e.kind == Kind::kInteger || e.kind == Kind::kFloat || e.kind == Kind::kLogical || e.kind == Kind::kString;
}

// "(integer,integer)" to its parts.
std::vector<std::string> tuple_types(const std::string& type) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (char c : type.substr(1, type.size() - 2)) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

class TextRules {
 public:
  TextRules(const DocumentSyntax& document, const Dialect& dialect) : document_(document), dialect_(dialect) {
    for (const FragmentSyntax& fragment : document.fragments) fragments_.emplace(fragment.name, &fragment);
  }

  std::vector<SyntaxError> run() {
    check_head();
    for (const FragmentSyntax& fragment : document_.fragments) check_body(fragment.body, false);
    const DocumentSyntax::GraphSyntax& graph = *document_.graph;
    if (graph.inputs.empty()) say(graph.line, 1, "the graph has no input");
    if (graph.outputs.empty()) say(graph.line, 1, "the graph has no output");
    check_body(graph.body, true);
    return std::move(problems_);
  }

 private:
  void say(int line, int column, const std::string& text) { problems_.emplace_back("graph.nnef", line, column, text); }
  void say(const Expression& e, const std::string& text) { say(e.line, e.column, text); }

  bool has_extension(std::string_view name) const {
    return std::any_of(document_.extensions.begin(), document_.extensions.end(), [&](const std::string& text) {
      return (" " + text + " ").find(" " + std::string(name) + " ") != std::string::npos;
    });
  }

  void check_head() {
    if (!document_.version.empty() && document_.version != "1.0") {
      say(document_.version_line, 1, "the version is " + document_.version + ", that of every 1.0.x is 1.0");
    }
    for (std::size_t i = 0; i < document_.extensions.size(); ++i) {
      const std::string& text = document_.extensions[i];
      if (text == kFragments || text == kExpressions) continue;
      say(document_.extension_lines[i], 1, "the extension '" + text + "' is not one of NNEF 1.0.5");
    }
    const auto fragment = document_.fragments.begin();
    if (fragment == document_.fragments.end() || has_extension(kFragments)) return;
    say(fragment->line, 1, "fragments need 'extension " + std::string(kFragments) + ";'");
  }

  void check_body(const std::vector<AssignmentSyntax>& body, bool is_graph) {
    is_graph_ = is_graph;
    for (const AssignmentSyntax& statement : body) {
      if (!is_flat(*statement.value)) need_expressions(*statement.value);
      visit(*statement.value);
    }
  }

  // One call of names and literals.
  static bool is_flat(const Expression& e) {
    return e.kind == Kind::kInvocation && std::all_of(e.children.begin(), e.children.end(),
                                                      [](const auto& child) { return is_flat_argument(*child); });
  }
  static bool is_flat_argument(const Expression& e) {
    if (e.kind == Kind::kIdentifier || is_literal(e)) return true;
    return (e.kind == Kind::kArray || e.kind == Kind::kTuple) &&
           std::all_of(e.children.begin(), e.children.end(),
                       [](const auto& child) { return is_flat_argument(*child); });
  }

  void need_expressions(const Expression& e) {
    if (expressions_said_ || has_extension(kExpressions)) return;
    expressions_said_ = true;
    say(e, "expressions need 'extension " + std::string(kExpressions) + ";'");
  }

  // Calls wherever they stand.
  void visit(const Expression& e) {
    if (e.kind == Kind::kFloat && e.text.ends_with("inf")) say(e, "infinity has no literal");
    if (e.kind == Kind::kFloat && e.text.ends_with('.'))
      say(e, "the number " + e.text + " has no digits after its point");
    if (e.kind == Kind::kInvocation) check_call(e);
    for (const auto& child : e.children) {
      if (child) visit(*child);
    }
    if (e.condition) visit(*e.condition);
    if (e.value) visit(*e.value);
  }

  std::optional<std::vector<Formal>> formals_of(const std::string& name) const {
    std::vector<Formal> formals;
    if (const auto fragment = fragments_.find(name); fragment != fragments_.end()) {
      for (const ParameterSyntax& parameter : fragment->second->parameters) {
        formals.push_back({parameter.name, parameter.type});
      }
      return formals;
    }
    const OperatorDeclaration* declaration = dialect_.find(name);
    if (!declaration) return std::nullopt;
    for (const Parameter& parameter : declaration->parameters) formals.push_back({parameter.name, parameter.type});
    return formals;
  }

  void check_call(const Expression& call) {
    if (call.text == "shape_of") say(call, "shape_of is not a part of NNEF 1.0.5 any more");
    const std::optional<std::vector<Formal>> formals = formals_of(call.text);
    if (!formals) return;  // the reader says so
    if (call.children.empty() && !formals->empty()) return;
    for (std::size_t i = 0; i < call.children.size(); ++i) {
      const Expression& argument = *call.children[i];
      const bool positional = call.names[i].empty();
      const auto formal = positional ? formals->begin() + static_cast<std::ptrdiff_t>(std::min(i, formals->size()))
                                     : std::find_if(formals->begin(), formals->end(),
                                                    [&](const Formal& f) { return f.name == call.names[i]; });
      if (formal == formals->end()) continue;
      const bool is_tensor = formal->type.starts_with("tensor<");
      if (positional && !is_tensor)
        say(argument, "the attribute '" + formal->name + "' of '" + call.text + "' must be named");
      check_kind(argument, formal->type, "'" + formal->name + "' of '" + call.text + "'");
    }
  }

  void check_kind(const Expression& e, const std::string& type, const std::string& what) {
    const bool is_tensor = type.starts_with("tensor<");
    if (e.kind == Kind::kIdentifier) {
      if (is_graph_ && !is_tensor && type.find("tensor") == std::string::npos) {
        say(e, what + " must be known in the text, not the tensor '" + e.text + "'");
      }
      return;
    }
    if (e.kind == Kind::kArray) {
      if (!type.ends_with("[]")) return say(e, what + " is given an array, " + type + " is needed");
      for (const auto& child : e.children) check_kind(*child, type.substr(0, type.size() - 2), what);
      return;
    }
    if (e.kind == Kind::kTuple) {
      if (!type.starts_with('(') || !type.ends_with(')'))
        return say(e, what + " is given a tuple, " + type + " is needed");
      const std::vector<std::string> parts = tuple_types(type);
      if (parts.size() != e.children.size()) return say(e, what + " is given a tuple of another length than " + type);
      for (std::size_t i = 0; i < parts.size(); ++i) check_kind(*e.children[i], parts[i], what);
      return;
    }
    if (!is_literal(e)) return;
    constexpr std::array<const char*, 4> kNames = {"integer", "scalar", "string", "logical"};
    const std::string kind = kNames.at(static_cast<std::size_t>(e.kind));
    const std::string item = is_tensor ? type.substr(7, type.find('>') - 7) : type;
    const bool is_array = type.ends_with("[]");
    if (!is_array && (item == kind || item == "?" || item.empty())) return;
    const bool digits = kind == "integer" && item == "scalar" && !is_array;
    say(e, what + " is given the " + kind + " " + e.text + ", " + type + " is needed" +
               (digits ? ": write " + e.text + ".0" : ""));
  }

  const DocumentSyntax& document_;
  const Dialect& dialect_;
  std::map<std::string, const FragmentSyntax*> fragments_;
  bool is_graph_ = true;
  bool expressions_said_ = false;
  std::vector<SyntaxError> problems_;
};

}  // namespace

std::vector<SyntaxError> khronos_text_problems(const DocumentSyntax& document, const Dialect& dialect) {
  return TextRules(document, dialect).run();
}

}  // namespace nnef
