// The syntax tree of NNEF text: documents, fragments and expressions as written, nothing resolved.
//
// The whole grammar of NNEF 1.0.5 (flat, fragments, expressions) plus what tract adds: `extension NAME anything;`,
// expressions of symbols as integers, `inf`. One parser serves graph.nnef, the op table's row files and graph.quant.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nnef/api.h"

namespace nnef TORCH2NNEF_API {

// Something in the text is not NNEF. `what()` is "FILE:LINE:COLUMN: what was expected or is wrong".
class SyntaxError : public std::runtime_error {
 public:
  SyntaxError(std::string_view file, int line, int column, std::string_view message);
  int line() const { return line_; }
  int column() const { return column_; }
  // Without the place.
  const std::string& message() const { return message_; }

 private:
  int line_, column_;
  std::string message_;
};

struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind {
    kInteger,        // text: the digits, with a leading '-' if it is part of the literal
    kFloat,          // text: the literal
    kString,         // text: the contents
    kLogical,        // text: "true" or "false"
    kIdentifier,     // text
    kArray,          // children
    kTuple,          // children
    kUnary,          // text: + - !            children: operand
    kBinary,         // text: + - * / ^ < <= > >= == != && || in     children: left, right
    kIfElse,         // children: value, condition, otherwise
    kSubscript,      // children: array, index
    kSlice,          // children: array, begin or null, end or null
    kComprehension,  // [for text in children[0], ... if condition yield value]; names in `names`
    kInvocation,     // text: operator; children and names: arguments ("" for positional); type: op<type>(..)
  };
  Kind kind;
  std::string text;
  std::vector<ExpressionPtr> children;
  std::vector<std::string> names;
  std::string type;
  ExpressionPtr condition, value;  // of a comprehension
  int line = 0, column = 0;
};

struct ParameterSyntax {
  std::string name;
  std::string type;             // as written, white space removed: "tensor<scalar>[]", "(integer,integer)[]"
  ExpressionPtr default_value;  // null for none
};

struct AssignmentSyntax {
  std::vector<std::string> results;
  bool is_array = false;  // [a, b] = ...
  ExpressionPtr value;
  int line = 0, column = 1;
};

struct FragmentSyntax {
  std::string name;
  std::string generic;  // "", "?" or "?=scalar"
  std::vector<ParameterSyntax> parameters;
  std::vector<ParameterSyntax> results;
  std::vector<AssignmentSyntax> body;
  bool has_body = false;
  std::string comment;  // the comment lines directly before it, without "# "
  int line = 0;
};

struct DocumentSyntax {
  std::string version;                  // "" when the text has none (row files)
  std::vector<std::string> extensions;  // without the keyword and the semicolon, white space folded
  std::vector<int> extension_lines;
  int version_line = 0;
  std::vector<FragmentSyntax> fragments;
  struct GraphSyntax {
    std::string name;
    std::vector<std::string> inputs, outputs;
    std::vector<AssignmentSyntax> body;
    int line = 0;
  };
  std::optional<GraphSyntax> graph;
};

struct ParseLimits {
  int nesting = 200;  // of parentheses, brackets, calls and operators
  // Told of each error in a statement, which is then left out; without it the first error is thrown.
  std::function<void(const SyntaxError&)> on_error;
};

// A graph.nnef, or a file of fragments only (no version, no graph). `file` names it in errors. Throws SyntaxError.
DocumentSyntax parse_document(std::string_view text, std::string_view file, const ParseLimits& limits = {});

// A graph.quant: ("name", invocation) lines. Throws SyntaxError.
std::vector<std::pair<std::string, ExpressionPtr>> parse_quant(std::string_view text, std::string_view file);

}  // namespace nnef
