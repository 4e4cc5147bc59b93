// The middle of the text reader: statements and expressions to flat operations. Internal to text_reader.cc and its
// parts.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nnef/io.h"
#include "nnef/text/syntax.h"

namespace nnef {

// A short text must not expand without end.
inline constexpr std::size_t kMaxOperations = 250000;
inline constexpr std::size_t kMaxItems = 10000000;
inline constexpr std::size_t kMaxInlining = 64;

// A result name that begins so is a wish: the value gets a free name like it.
inline constexpr char kWish = '~';

inline std::string wish(const std::string& name) { return name.starts_with(kWish) ? name : kWish + name; }

struct Place {
  int line = 0, column = 0;
};

// For a reader that goes on after an error: what was wrong, and where the operations that were read stand.
struct ReadLog {
  std::vector<SyntaxError> errors;                         // in the text
  std::vector<SyntaxError> quant_errors;                   // in graph.quant
  std::vector<SyntaxError> warnings;                       // in the text
  std::vector<Place> operations;                           // of the graph
  std::map<std::string, std::vector<Place>> in_fragments;  // of the bodies of scans, by name
};

// Thrown for what uses something that could not be read. Not an error of its own.
struct Unreadable {};

// What is shared while one document is read.
struct Context {
  std::string file;
  const Dialect& dialect;
  const std::map<std::string, TensorDataPtr>& variables;
  std::map<std::string, const FragmentSyntax*> fragments;
  std::set<std::string> symbols;
  std::vector<std::string> inlining;          // fragments being expanded, outermost first
  std::map<std::string, TensorDataPtr> used;  // variables that occur
  std::size_t operations = 0, items = 0;
  ReadLog* log = nullptr;  // null: the first error is thrown
};

// The names of one body and what they stand for.
struct Scope {
  std::map<std::string, Argument> names;
  std::map<std::string, std::string> result_names;  // names in the graph that results of a fragment take
  std::string prefix;                               // of the other names of a fragment
  std::set<std::string> unreadable;                 // names whose statement is wrong
};

// The graph of a parsed document, which has one, with the entries of graph.quant. `log` may be null.
Graph read_document(const DocumentSyntax& document, std::string_view quant, const std::string& file,
                    const std::string& quant_file, const Dialect& dialect,
                    const std::map<std::string, TensorDataPtr>& variables, ReadLog* log);

// Reads one body, that of the graph or of a scan, into a flat graph.
class GraphReader {
 public:
  GraphReader(Context& context, Graph& graph) : context_(context), graph_(graph) {}

  void read_graph(const DocumentSyntax::GraphSyntax& syntax);
  void read_body(const FragmentSyntax& fragment, const std::vector<ValueInfo>& parameters);

 private:
  [[noreturn]] void fail(const Expression& at, const std::string& message) const {
    throw SyntaxError(context_.file, at.line, at.column, message);
  }
  [[noreturn]] void fail(int line, const std::string& message) const {
    throw SyntaxError(context_.file, line, 1, message);
  }

  void reserve_names(const std::vector<AssignmentSyntax>& body);
  std::string unique(const std::string& wanted);
  Value new_value(ValueInfo info);
  Value as_value(const Argument& argument, const std::string& name, int line);

  void run_all(const std::vector<AssignmentSyntax>& body, Scope& scope);
  void run(const AssignmentSyntax& statement, Scope& scope);
  void add_operation(Operation operation, Place place);
  bool depends_on_input(const Argument& argument) const;
  void define(Scope& scope, const std::string& name, Argument value, int line);
  std::string result_name(const Scope& scope, const std::string& name);

  Argument evaluate(const Expression& e, Scope& scope, const std::string& hint);
  std::vector<Argument> evaluate_results(const Expression& e, Scope& scope, const std::vector<std::string>& names);
  Argument identifier(const Expression& e, const Scope& scope);
  Argument list(const Expression& e, Scope& scope, const std::string& hint);
  Argument unary(const Expression& e, Scope& scope, const std::string& hint);
  Argument binary(const Expression& e, Scope& scope, const std::string& hint);
  Argument if_else(const Expression& e, Scope& scope, const std::string& hint);
  Argument subscript(const Expression& e, Scope& scope);
  Argument comprehension(const Expression& e, Scope& scope, const std::string& hint);
  bool built_in(const Expression& e, Scope& scope, Argument* result);
  bool is_document_fragment(const std::string& name) const;
  template <typename Parameters>
  std::vector<const Expression*> bind(const Expression& e, const Parameters& parameters) const;
  std::vector<Argument> inlined(const Expression& e, Scope& scope, const std::vector<std::string>& names);
  std::vector<Argument> invoke(const Expression& e, Scope& scope, const std::vector<std::string>& names);
  std::vector<Argument> emit(const Expression& e, Operation operation, const std::vector<std::string>& names);
  Argument fit(const Expression& e, Argument argument, const Parameter& parameter, const std::string& hint);
  Argument known_sizes(const Argument& argument) const;
  void unify(const Expression& e, Operation& operation, const OperatorDeclaration& op);
  Value cast(const Expression& e, const Argument& argument, DType to);
  bool repeats(const AssignmentSyntax& statement, const Scope& scope, const Argument& again);
  Argument fit_tuples(const Expression& e, Argument argument, const std::string& hint);
  Value constant(const Expression& e, const Argument& array, const std::string& hint);
  std::vector<ValueInfo> infer_results(const Expression& e, const Operation& operation, const OperatorDeclaration& op);
  DType stated_dtype(const Expression& e, const TensorData& data) const;
  ValueInfo infer_source(const Expression& e, const Operation& operation);
  void read_scan(const Expression& e, const Operation& operation);
  void add_scan_body(const Expression& e, const FragmentSyntax& fragment, const std::vector<ValueInfo>& parameters);

  std::int64_t integer(const Expression& e, Scope& scope);
  bool logical(const Expression& e, Scope& scope);
  std::vector<Argument> array(const Expression& e, Scope& scope, const std::string& hint);

  Context& context_;
  Graph& graph_;
  std::set<std::string> taken_;
  std::map<std::string, int> next_suffix_;
  std::set<std::string> inputs_;     // whose externals have not been met yet
  std::map<Value, Argument> sizes_;  // what values hold, where it is known: sizes and arrays of them
  std::vector<Place> places_;        // of the operations
  std::set<Value> constants_;        // values that depend on no input
};

}  // namespace nnef
