// graph.nnef and graph.quant of a graph, in the part of the syntax that every release of the engine reads: one operator
// a statement (T-NESTED-CALLS), no infix (T-INFIX-COMPARISON, T-UNARY-MINUS), names and literals only.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "nnef/builder/builder.h"
#include "nnef/io.h"
#include "nnef/text/names.h"

namespace nnef {
namespace {

// The engine's template processor (live up to tract 0.23.7) must find none of its openers anywhere in the text.
bool opens_template(char first, char second) {
  return first == '{' && (second == '{' || second == '%' || second == '#');
}

// Literals are read as f32: the shortest decimal that gives the same f32, always with '.' or an exponent, and without
// '+' in the exponent (T-EXPONENT-PLUS).
std::string float_text(double number, const std::string& where) {
  if (std::isnan(number)) throw FormatError(where + ": NaN has no literal");
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const auto single = static_cast<float>(number);
  if (std::isinf(single))
    throw FormatError(where + ": " + std::to_string(number) + " is too large for a float literal");
  std::array<char, 64> buffer;
  const float size = std::fabs(single);
  const bool plain = size == 0 || (size >= 1e-4f && size < 1e9f);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), single, format);
  std::string text(buffer.data(), end.ptr);
  std::erase(text, '+');
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string_view type_class(DType dtype) {
  if (dtype == DType::kBool) return "logical";
  return is_integer(dtype) ? "integer" : "scalar";
}

// Comments hold text of the user's files; they are made harmless here.
std::string comment_text(std::string_view text) {
  std::string line;
  for (char c : text) {
    if (!line.empty() && opens_template(line.back(), c)) line += ' ';
    line += c == '\n' || c == '\t' || c == '\r' ? ' ' : (c >= 0x20 && c < 0x7f) ? c : '?';
  }
  return line;
}

class Writer {
 public:
  Writer(const Dialect& dialect, const TextOptions& options)
      : dialect_(dialect), options_(options), khronos_(dialect.target().kind == Target::Kind::kKhronos) {}

  std::string document(const Graph& graph);
  std::string quant(const Graph& graph);

 private:
  void extension(const std::string& content);
  void properties(const Graph& graph);
  void fragment(const Graph& body);
  void graph(const Graph& graph);
  void body(const Graph& graph);
  void comment(std::string_view lines);
  void statement(const Graph& graph, const Operation& operation);
  std::string argument(const Graph& graph, const Argument& argument, const std::string& where);
  std::string arguments(const Graph& graph, const Operation& operation, const OperatorDeclaration& declaration);
  std::string names(const Graph& graph, const std::vector<Value>& values);
  std::string parameters(const Graph& graph, const std::vector<Value>& values);
  std::string string(std::string_view text);
  std::string identifier(const std::string& name);

  const Dialect& dialect_;
  const TextOptions options_;
  const bool khronos_;
  std::string text_;
};

std::string Writer::identifier(const std::string& name) {
  if (!is_name(name, dialect_.target())) throw FormatError("graph.nnef: '" + name + "' is not a usable name");
  return is_plain_name(name) ? name : "i" + string(name);
}

std::string Writer::string(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    const bool escape = c == '"' || c == '\'' || c == '\\' || opens_template(quoted.back(), c);
    if (escape && khronos_)
      throw FormatError("graph.nnef: Khronos readers cannot read the string " + std::string(text));
    if (c == '\0') throw FormatError("graph.nnef: a string holds a zero byte");
    if (escape) quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

void Writer::extension(const std::string& content) {
  bool good = !content.empty();
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    good = good && c >= 0x20 && c <= 0x7e && c != ';' && c != '#' && !(i > 0 && opens_template(content[i - 1], c));
  }
  if (!good) throw FormatError("graph.nnef: '" + content + "' cannot be an extension");
  text_ += "extension " + content + ";\n";
}

void Writer::properties(const Graph& graph) {
  if (graph.properties.empty()) return;
  if (khronos_) throw FormatError("graph.nnef: Khronos NNEF has no properties");
  text_ += "\nfragment tract_core_properties() -> (properties: (string, tensor<scalar>)[])\n{\n  properties = [";
  bool first = true;
  for (const auto& [key, value] : graph.properties) {
    text_ += (first ? "\n    (" : ",\n    (") + string(key) + ", " + string(value) + ")";
    first = false;
  }
  text_ += "\n  ];\n}\n";
}

std::string Writer::names(const Graph& graph, const std::vector<Value>& values) {
  std::string list;
  for (Value value : values) list += (list.empty() ? "" : ", ") + identifier(graph.info(value).name);
  return list;
}

std::string Writer::parameters(const Graph& graph, const std::vector<Value>& values) {
  std::string list;
  for (Value value : values) {
    const ValueInfo& info = graph.info(value);
    list +=
        (list.empty() ? "" : ", ") + identifier(info.name) + ": tensor<" + std::string(type_class(info.dtype)) + ">";
  }
  return list;
}

void Writer::fragment(const Graph& graph) {
  text_ += "\nfragment " + identifier(graph.name) + "(" + parameters(graph, graph.inputs) + ") -> (" +
           parameters(graph, graph.outputs) + ")\n";
  body(graph);
}

void Writer::graph(const Graph& graph) {
  text_ += "\ngraph " + identifier(graph.name) + "(" + names(graph, graph.inputs) + ") -> (" +
           names(graph, graph.outputs) + ")\n";
  body(graph);
}

void Writer::body(const Graph& graph) {
  text_ += "{\n";
  for (const Operation& operation : graph.operations) statement(graph, operation);
  text_ += "}\n";
}

std::string Writer::argument(const Graph& graph, const Argument& argument, const std::string& where) {
  if (const Value* value = argument.value()) return identifier(graph.info(*value).name);
  if (const Dim* dim = argument.dim()) {
    if (khronos_ && !dim->is_constant())
      throw FormatError(where + ": Khronos NNEF has no symbolic size " + dim->to_string());
    return dim->to_string();
  }
  if (const double* number = std::get_if<double>(&argument.is)) {
    // The standard has no word for infinity; a number that overflows reads as one everywhere.
    if (khronos_ && std::isinf(*number)) return *number < 0 ? "-1e39" : "1e39";
    return float_text(*number, where);
  }
  if (const bool* logical = std::get_if<bool>(&argument.is)) return *logical ? "true" : "false";
  if (const std::string* text = std::get_if<std::string>(&argument.is)) return string(*text);
  const Argument::Array& array = *argument.array();
  std::string list;
  for (const Argument& item : array.items) list += (list.empty() ? "" : ", ") + this->argument(graph, item, where);
  return array.is_tuple ? "(" + list + ")" : "[" + list + "]";
}

std::string Writer::arguments(const Graph& graph, const Operation& operation, const OperatorDeclaration& declaration) {
  std::string list;
  bool positional = true;
  for (std::size_t i = 0; i < operation.arguments.size(); ++i) {
    const auto& [name, value] = operation.arguments[i];
    const Parameter* parameter = declaration.find(name);
    if (!parameter) throw FormatError("graph.nnef: " + operation.op + " has no parameter '" + name + "'");
    // Tensors in the order of the declaration: T-ARGUMENT-NAMES.
    positional = positional && parameter->is_tensor && declaration.parameters[i].name == name;
    const std::string text = argument(graph, value, "graph.nnef: " + operation.op + "(" + name + ")");
    const std::string written = positional ? text : name + " = " + text;
    // The engine rewrites the call when a user overrides an input's shape; it wants to find that argument first.
    const bool first = operation.op == "tract_core_external" && name == "shape";
    list = list.empty() ? written : first ? written + ", " + list : list + ", " + written;
  }
  return list;
}

void Writer::comment(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    if (end > 0) text_ += "  # " + comment_text(lines.substr(0, end));
    text_ += '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

void Writer::statement(const Graph& graph, const Operation& operation) {
  const OperatorDeclaration* declaration = dialect_.find(operation.op);
  if (!declaration) throw FormatError("graph.nnef: unknown operator '" + operation.op + "'");
  if (operation.results.empty()) throw FormatError("graph.nnef: " + operation.op + " has no results");
  if (options_.comments) comment(operation.comment);
  const std::string results = names(graph, operation.results);
  text_ += "  " + (declaration->result_is_array ? "[" + results + "]" : results) + " = " + operation.op;
  if (khronos_) {  // nothing in these calls tells the item type; scalar is the default of all but cast
    constexpr std::array<std::string_view, 3> kSources = {"external", "variable", "constant"};
    const DType dtype = graph.info(operation.results[0]).dtype;
    const bool source = std::find(kSources.begin(), kSources.end(), operation.op) != kSources.end();
    if (operation.op == "cast" || (source && !is_float(dtype))) text_ += "<" + std::string(type_class(dtype)) + ">";
  }
  text_ += "(" + arguments(graph, operation, *declaration) + ");\n";
}

std::string Writer::document(const Graph& graph) {
  text_ = "version 1.0;\n\n";
  const std::size_t head = text_.size();
  if (khronos_ && !(graph.registries.empty() && graph.symbols.empty() && graph.asserts.empty())) {
    throw FormatError("graph.nnef: Khronos NNEF has no registries, symbols or asserts");
  }
  for (const std::string& name : graph.registries) extension("tract_registry " + name);
  for (const std::string& name : graph.symbols) extension("tract_symbol " + name);
  for (const std::string& text : graph.asserts) extension("tract_assert " + text);
  for (const std::string& text : graph.extensions) extension(text);
  if (text_.size() == head) text_.pop_back();
  properties(graph);
  for (const Fragment& body : graph.fragments) fragment(body.body);
  this->graph(graph);
  return std::move(text_);
}

std::string Writer::quant(const Graph& graph) {
  std::string text;
  for (const auto& [name, entry] : graph.quant) {
    std::string list;
    for (const auto& [key, value] : entry.arguments) {
      list += (list.empty() ? "" : ", ") + key + " = " + argument(graph, value, "graph.quant: " + name + "." + key);
    }
    identifier(name);  // a name at all
    text += string(name) + ": " + entry.function + "(" + list + ");\n";
  }
  return text;
}

}  // namespace

std::string write_text(const Graph& graph, const Dialect& dialect, const TextOptions& options) {
  return Writer(dialect, options).document(graph);
}

std::string write_quant(const Graph& graph) { return Writer(Dialect(Target{}), {}).quant(graph); }

}  // namespace nnef
