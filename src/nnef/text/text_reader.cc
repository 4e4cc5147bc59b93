// From the syntax tree to a flat graph: the document around the bodies, and graph.quant.
#include <optional>

#include "nnef/text/graph_reader.h"
#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

using Kind = Expression::Kind;

// The text of a property's value: tract has numbers and arrays there too.
std::string literal_text(const Expression& e) {
  switch (e.kind) {
    case Kind::kString:
    case Kind::kInteger:
    case Kind::kFloat:
    case Kind::kLogical:
      return e.text;
    case Kind::kArray:
      break;
    default:
      throw std::runtime_error("only literals are allowed here");
  }
  std::string list;
  for (const ExpressionPtr& child : e.children) list += (list.empty() ? "" : ", ") + literal_text(*child);
  return "[" + list + "]";
}

Argument read_literal(const Expression& e) {
  if (std::optional<Argument> item = read_item(e)) return *std::move(item);
  if (e.kind != Kind::kArray) throw std::runtime_error("only literals are allowed here");
  Argument::Array array;
  for (const ExpressionPtr& child : e.children) array.items.push_back(read_literal(*child));
  return array;
}

void read_properties(const FragmentSyntax& fragment, const std::string& file, Graph* graph) {
  const auto fail = [&](const Expression& e, const std::string& message) {
    throw SyntaxError(file, e.line, e.column, message);
  };
  for (const AssignmentSyntax& statement : fragment.body) {
    if (statement.value->kind != Kind::kArray) fail(*statement.value, "the properties are not an array");
    for (const ExpressionPtr& pair : statement.value->children) {
      const bool good =
          pair->kind == Kind::kTuple && pair->children.size() == 2 && pair->children[0]->kind == Kind::kString;
      if (!good) fail(*pair, "a property is a pair of a string and a value");
      try {
        graph->properties.emplace_back(pair->children[0]->text, literal_text(*pair->children[1]));
      } catch (const std::runtime_error& error) {
        fail(*pair->children[1], error.what());
      }
    }
  }
}

void read_extensions(const DocumentSyntax& document, Graph* graph, std::set<std::string>* symbols) {
  const auto after = [](const std::string& text, std::string_view keyword) -> std::optional<std::string> {
    if (!text.starts_with(keyword) || text.size() <= keyword.size() || text[keyword.size()] != ' ') return std::nullopt;
    return text.substr(keyword.size() + 1);
  };
  for (const std::string& text : document.extensions) {
    if (const auto registry = after(text, "tract_registry")) {
      graph->registries.push_back(*registry);
    } else if (const auto symbol = after(text, "tract_symbol")) {
      graph->symbols.push_back(*symbol);
      symbols->insert(*symbol);
    } else if (const auto assertion = after(text, "tract_assert")) {
      graph->asserts.push_back(*assertion);
    } else {
      graph->extensions.push_back(text);
    }
  }
}

void read_quant(std::string_view text, const std::string& file, Graph* graph) {
  for (const auto& [name, call] : parse_quant(text, file)) {
    QuantEntry entry{call->text, {}};
    for (std::size_t i = 0; i < call->children.size(); ++i) {
      const Expression& argument = *call->children[i];
      if (call->names[i].empty()) throw SyntaxError(file, argument.line, argument.column, "the argument has no name");
      try {
        entry.arguments.push_back({call->names[i], read_literal(argument)});
      } catch (const std::runtime_error& error) {
        throw SyntaxError(file, argument.line, argument.column, error.what());
      }
    }
    graph->quant.emplace(name, std::move(entry));
  }
}

// Calls `step` and lets a log, if there is one, take its error.
template <typename Step>
void logged(std::vector<SyntaxError>* errors, Step step) {
  try {
    step();
  } catch (const SyntaxError& error) {
    if (!errors) throw;
    errors->push_back(error);
  } catch (const Unreadable&) {
  }
}

}  // namespace

Graph read_document(const DocumentSyntax& document, std::string_view quant, const std::string& file,
                    const std::string& quant_file, const Dialect& dialect,
                    const std::map<std::string, TensorDataPtr>& variables, ReadLog* log) {
  Graph graph;
  Context context{file, dialect, variables, {}, {}, {}, {}, 0, 0, log};
  std::vector<SyntaxError>* const errors = log ? &log->errors : nullptr;
  read_extensions(document, &graph, &context.symbols);
  for (const FragmentSyntax& fragment : document.fragments) {
    logged(errors, [&] {
      if (fragment.name == "tract_core_properties") {
        read_properties(fragment, file, &graph);
      } else if (!context.fragments.emplace(fragment.name, &fragment).second) {
        throw SyntaxError(file, fragment.line, 1, "fragment '" + fragment.name + "' is defined twice");
      }
    });
  }
  logged(errors, [&] { GraphReader(context, graph).read_graph(*document.graph); });
  graph.variables = std::move(context.used);
  logged(log ? &log->quant_errors : nullptr, [&] { read_quant(quant, quant_file, &graph); });
  return graph;
}

Graph read_text(std::string_view text, std::string_view quant, std::string_view file, const Dialect& dialect,
                const std::map<std::string, TensorDataPtr>& variables) {
  const std::string name(file);
  const DocumentSyntax document = parse_document(text, file);
  if (document.version.empty()) throw FormatError(name + ": the version line is missing");
  if (!document.graph) throw FormatError(name + ": the graph is missing");
  return read_document(document, quant, name, name == "graph.nnef" ? "graph.quant" : name + " (graph.quant)", dialect,
                       variables, nullptr);
}

}  // namespace nnef
