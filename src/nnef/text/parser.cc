// A recursive descent parser. Operators bind as in NNEF 1.0.5 section 3.3.4, all left associative; from loose to tight:
// if-else, in, && ||, comparisons, + -, * /, ^, unary, subscripts.
//
// The specification gives unary operators no place, and engines let them swallow what follows: `-x + y` is -(x + y) to
// some readers and (-x) + y to others. It is refused here; parentheses say what is meant.
#include <algorithm>
#include <array>
#include <cstdint>

#include "nnef/text/lexer.h"
#include "nnef/text/syntax.h"

namespace nnef {
namespace {

using Kind = Expression::Kind;

constexpr int kFactorLevel = 5;

// How tightly a binary operator binds; 0 for what is none.
int binding(const Token& token) {
  if (token.is_word("in")) return 1;
  if (token.kind != Token::Kind::kSymbol) return 0;
  const std::string& text = token.text;
  if (text == "&&" || text == "||") return 2;
  if (text == "<" || text == "<=" || text == ">" || text == ">=" || text == "==" || text == "!=") return 3;
  if (text == "+" || text == "-") return 4;
  if (text == "*" || text == "/") return kFactorLevel;
  if (text == "^") return 6;
  return 0;
}

bool is_reserved(const std::string& word) {
  constexpr std::array<std::string_view, 5> kReserved = {"if", "else", "in", "for", "yield"};
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

bool is_type_name(const Token& token) {
  return token.is_word("scalar") || token.is_word("integer") || token.is_word("logical") || token.is_word("string") ||
         token.is_symbol("?");
}

// An expression under construction and the height of its tree.
struct Node {
  std::shared_ptr<Expression> expression;
  int height = 1;
};

class Parser {
 public:
  Parser(std::string_view text, std::string_view file, const ParseLimits& limits)
      : lexer_(text, file), nesting_(limits.nesting), on_error_(limits.on_error) {}

  DocumentSyntax document();
  std::vector<std::pair<std::string, ExpressionPtr>> quant();

 private:
  // Counts the functions that are open, so that no text can exhaust the stack.
  class Scope {
   public:
    explicit Scope(Parser* parser) : parser_(parser) {
      if (++parser_->depth_ > parser_->nesting_) parser_->fail_nesting(parser_->lexer_.peek());
    }
    ~Scope() { --parser_->depth_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Parser* parser_;
  };

  Token expect(std::string_view symbol, std::string_view where);
  bool accept(std::string_view symbol);
  std::string identifier(std::string_view what);
  [[noreturn]] void fail_expected(std::string_view what);
  [[noreturn]] void fail_nesting(const Token& at);

  FragmentSyntax fragment();
  std::string generic();
  std::vector<ParameterSyntax> parameters(bool are_results);
  std::string type();
  DocumentSyntax::GraphSyntax graph();
  std::vector<std::string> names(std::string_view what);
  std::vector<AssignmentSyntax> body();
  AssignmentSyntax assignment();
  void skip_statement();

  Node start(Kind kind, const Token& at, std::string text = {});
  void adopt(Node* node, Node child);
  Node expression();
  Node binary(int tighter_than);
  Node unary();
  Node postfix();
  Node primary();
  Node number(bool negative, const Token& at);
  Node word();
  Node invocation(const Token& name);
  Node bracket();
  Node parenthesis();
  Node comprehension(const Token& open);
  Node subscript(Node array);
  bool at_typed_invocation();
  void refuse_after_unary(const Token& next);

  Lexer lexer_;
  const int nesting_;
  const std::function<void(const SyntaxError&)> on_error_;
  int depth_ = 0;
  bool open_unary_ = false;  // the expression read so far ends in a unary operator's operand, without parentheses
};

void Parser::fail_expected(std::string_view what) {
  const Token& found = lexer_.peek();
  lexer_.fail(found, "expected " + std::string(what) + ", found " + describe(found));
}

void Parser::fail_nesting(const Token& at) {
  lexer_.fail(at, "expressions are nested deeper than " + std::to_string(nesting_) + " levels");
}

bool Parser::accept(std::string_view symbol) {
  if (!lexer_.peek().is_symbol(symbol)) return false;
  lexer_.take();
  return true;
}

Token Parser::expect(std::string_view symbol, std::string_view where) {
  if (!lexer_.peek().is_symbol(symbol)) fail_expected("'" + std::string(symbol) + "' " + std::string(where));
  return lexer_.take();
}

std::string Parser::identifier(std::string_view what) {
  const Token& token = lexer_.peek();
  if (token.kind == Token::Kind::kName) return lexer_.take().text;
  if (token.kind != Token::Kind::kWord) fail_expected(what);
  if (is_reserved(token.text) || token.text == "true" || token.text == "false") {
    lexer_.fail(token, "expected " + std::string(what) + ", found the keyword '" + token.text + "'");
  }
  return lexer_.take().text;
}

// --- documents ---

DocumentSyntax Parser::document() {
  DocumentSyntax document;
  if (lexer_.peek().is_word("version")) {
    document.version_line = lexer_.take().line;
    if (lexer_.peek().kind != Token::Kind::kNumber) fail_expected("a version number");
    document.version = lexer_.take().text;
    expect(";", "after the version");
  }
  while (lexer_.peek().kind == Token::Kind::kExtension) {
    const Token extension = lexer_.take();
    document.extensions.push_back(extension.text);
    document.extension_lines.push_back(extension.line);
  }
  while (lexer_.peek().is_word("fragment")) document.fragments.push_back(fragment());
  if (lexer_.peek().is_word("graph")) document.graph = graph();
  if (lexer_.peek().kind != Token::Kind::kEnd) {
    fail_expected(document.graph ? "the end of the file after the graph" : "'extension', 'fragment' or 'graph'");
  }
  return document;
}

FragmentSyntax Parser::fragment() {
  const Token keyword = lexer_.take();
  FragmentSyntax fragment;
  fragment.comment = keyword.comment;
  fragment.line = keyword.line;
  fragment.name = identifier("the name of a fragment");
  fragment.generic = generic();
  fragment.parameters = parameters(false);
  expect("->", "between the parameters and the results of fragment '" + fragment.name + "'");
  fragment.results = parameters(true);
  fragment.has_body = lexer_.peek().is_symbol("{");
  if (fragment.has_body) {
    fragment.body = body();
  } else if (!accept(";")) {
    fail_expected("'{' or ';' after the declaration of fragment '" + fragment.name + "'");
  }
  return fragment;
}

std::string Parser::generic() {
  if (!accept("<")) return "";
  expect("?", "in a generic declaration");
  std::string text = "?";
  if (accept("=")) {
    if (!is_type_name(lexer_.peek())) fail_expected("a type name");
    text += "=" + lexer_.take().text;
  }
  expect(">", "after a generic declaration");
  return text;
}

std::vector<ParameterSyntax> Parser::parameters(bool are_results) {
  std::vector<ParameterSyntax> list;
  const char* const what = are_results ? "the name of a result" : "the name of a parameter";
  expect("(", are_results ? "before the results" : "before the parameters");
  if (accept(")")) return list;
  do {
    ParameterSyntax parameter;
    parameter.name = identifier(what);
    expect(":", "and a type after '" + parameter.name + "'");
    parameter.type = type();
    if (lexer_.peek().is_symbol("=")) {
      if (are_results) lexer_.fail(lexer_.peek(), "a result has no default value");
      lexer_.take();
      parameter.default_value = expression().expression;
    }
    list.push_back(std::move(parameter));
  } while (accept(","));
  expect(")", are_results ? "or ',' after a result" : "or ',' after a parameter");
  return list;
}

std::string Parser::type() {
  const Scope scope(this);
  std::string text;
  if (accept("(")) {
    text = "(" + type();
    while (accept(",")) text += "," + type();
    expect(")", "after the types of a tuple");
    text += ")";
  } else if (lexer_.peek().is_word("tensor")) {
    lexer_.take();
    expect("<", "after 'tensor'");
    text = "tensor<";
    if (is_type_name(lexer_.peek())) text += lexer_.take().text;
    if (lexer_.peek().is_symbol(">=")) {
      lexer_.split_greater_equal();
    } else {
      expect(">", "after the item type of a tensor");
    }
    text += ">";
  } else if (is_type_name(lexer_.peek())) {
    text = lexer_.take().text;
  } else {
    fail_expected("a type");
  }
  while (lexer_.peek().is_symbol("[")) {
    lexer_.take();
    expect("]", "after '[' in a type");
    text += "[]";
  }
  return text;
}

DocumentSyntax::GraphSyntax Parser::graph() {
  DocumentSyntax::GraphSyntax graph;
  graph.line = lexer_.take().line;
  graph.name = identifier("the name of the graph");
  graph.inputs = names("the name of an input");
  expect("->", "between the inputs and the outputs of the graph");
  graph.outputs = names("the name of an output");
  graph.body = body();
  return graph;
}

std::vector<std::string> Parser::names(std::string_view what) {
  std::vector<std::string> list;
  expect("(", "before " + std::string(what));
  if (accept(")")) return list;
  do {
    list.push_back(identifier(what));
  } while (accept(","));
  expect(")", "or ',' after " + std::string(what));
  return list;
}

std::vector<AssignmentSyntax> Parser::body() {
  std::vector<AssignmentSyntax> statements;
  expect("{", "before the statements");
  const int depth = depth_;
  bool broken = false;
  while (true) {
    try {
      if (accept("}") || (broken && lexer_.peek().kind == Token::Kind::kEnd)) return statements;
      statements.push_back(assignment());
    } catch (const SyntaxError& error) {
      if (!on_error_) throw;
      on_error_(error);
      broken = true;
      depth_ = depth;
      open_unary_ = false;
      skip_statement();
    }
  }
}

// To the end of a statement that cannot be read: behind its semicolon, or before the end of the body.
void Parser::skip_statement() {
  while (true) {
    try {
      const Token& token = lexer_.peek();
      if (token.kind == Token::Kind::kEnd || token.is_symbol("}")) return;
      if (lexer_.take().is_symbol(";")) return;
    } catch (const SyntaxError&) {
      lexer_.skip_byte();
    }
  }
}

AssignmentSyntax Parser::assignment() {
  AssignmentSyntax statement;
  statement.line = lexer_.peek().line;
  statement.column = lexer_.peek().column;
  const bool parenthesised = lexer_.peek().is_symbol("(");
  statement.is_array = lexer_.peek().is_symbol("[");
  if (parenthesised || statement.is_array) lexer_.take();
  if (!(statement.is_array && lexer_.peek().is_symbol("]"))) {
    do {
      statement.results.push_back(identifier("the name of a result, or '}'"));
    } while (accept(","));
  }
  if (parenthesised) expect(")", "after the results of a statement");
  if (statement.is_array) expect("]", "after the results of a statement");
  expect("=", "after the results of a statement");
  statement.value = expression().expression;
  expect(";", "after a statement");
  return statement;
}

// --- expressions ---

Node Parser::start(Kind kind, const Token& at, std::string text) {
  Node node{std::make_shared<Expression>(), 1};
  node.expression->kind = kind;
  node.expression->text = std::move(text);
  node.expression->line = at.line;
  node.expression->column = at.column;
  return node;
}

// The height of trees is limited too: whoever walks or frees one may recurse.
void Parser::adopt(Node* node, Node child) {
  node->height = std::max(node->height, child.height + 1);
  if (node->height > nesting_) fail_nesting(lexer_.peek());
  node->expression->children.push_back(std::move(child.expression));
}

Node Parser::expression() {
  const Scope scope(this);
  const bool outer_unary = open_unary_;
  open_unary_ = false;
  Node value = binary(0);
  if (lexer_.peek().is_word("if")) {
    refuse_after_unary(lexer_.peek());
    Node choice = start(Kind::kIfElse, lexer_.take());
    adopt(&choice, std::move(value));
    adopt(&choice, expression());
    if (!lexer_.peek().is_word("else")) fail_expected("'else'");
    lexer_.take();
    adopt(&choice, expression());
    value = std::move(choice);
  }
  open_unary_ = outer_unary;
  return value;
}

void Parser::refuse_after_unary(const Token& next) {
  if (!open_unary_) return;
  lexer_.fail(next, "'" + next.text + "' after a unary operator is ambiguous: write (-x) " + next.text + " y or -(x " +
                        next.text + " y)");
}

Node Parser::binary(int tighter_than) {
  Node left = unary();
  for (int level = binding(lexer_.peek()); level > tighter_than; level = binding(lexer_.peek())) {
    if (level < kFactorLevel) refuse_after_unary(lexer_.peek());
    const Token symbol = lexer_.take();
    Node node = start(Kind::kBinary, symbol, symbol.text);
    adopt(&node, std::move(left));
    adopt(&node, binary(level));
    left = std::move(node);
  }
  return left;
}

Node Parser::unary() {
  const Token& token = lexer_.peek();
  if (!token.is_symbol("-") && !token.is_symbol("+") && !token.is_symbol("!")) return postfix();
  const Scope scope(this);
  const Token sign = lexer_.take();
  const bool literal = lexer_.peek().kind == Token::Kind::kNumber || lexer_.peek().is_word("inf");
  if (sign.is_symbol("-") && literal) {
    Node value = number(true, sign);
    if (lexer_.peek().is_symbol("^"))
      lexer_.fail(lexer_.peek(), "'^' after a negative number is ambiguous: write (-x) ^ y");
    return value;
  }
  Node node = start(Kind::kUnary, sign, sign.text);
  adopt(&node, binary(kFactorLevel));  // -x ^ y is -(x ^ y) to everybody
  open_unary_ = true;
  return node;
}

Node Parser::number(bool negative, const Token& at) {
  const Token token = lexer_.take();
  const bool integer = token.text.find_first_not_of("0123456789") == std::string::npos;
  return start(integer ? Kind::kInteger : Kind::kFloat, at, (negative ? "-" : "") + token.text);
}

Node Parser::postfix() {
  Node value = primary();
  while (lexer_.peek().is_symbol("[")) value = subscript(std::move(value));
  return value;
}

Node Parser::subscript(Node array) {
  const Token open = lexer_.take();
  Node begin;
  if (!lexer_.peek().is_symbol(":")) begin = expression();
  const bool slice = accept(":");
  Node node = start(slice ? Kind::kSlice : Kind::kSubscript, open);
  adopt(&node, std::move(array));
  adopt(&node, std::move(begin));
  if (slice) adopt(&node, lexer_.peek().is_symbol("]") ? Node{} : expression());
  expect("]", "after a subscript");
  return node;
}

Node Parser::primary() {
  const Token& token = lexer_.peek();
  switch (token.kind) {
    case Token::Kind::kNumber:
      return number(false, Token(token));
    case Token::Kind::kString: {
      const Token text = lexer_.take();
      return start(Kind::kString, text, text.text);
    }
    case Token::Kind::kWord:
    case Token::Kind::kName:
      return word();
    default:
      break;
  }
  if (token.is_symbol("[")) return bracket();
  if (token.is_symbol("(")) return parenthesis();
  fail_expected("an expression");
}

Node Parser::word() {
  const Token& next = lexer_.peek();
  if (next.is_word("inf")) return number(false, Token(next));
  if (next.is_word("true") || next.is_word("false")) {
    const Token token = lexer_.take();
    return start(Kind::kLogical, token, token.text);
  }
  Token token = next;
  token.text = identifier("an expression");
  if (lexer_.peek().is_symbol("(") || at_typed_invocation()) return invocation(token);
  return start(Kind::kIdentifier, token, token.text);
}

// op<scalar>( can only be an invocation; x < scalar would be a comparison.
bool Parser::at_typed_invocation() {
  return lexer_.peek().is_symbol("<") && is_type_name(lexer_.peek(1)) && lexer_.peek(2).is_symbol(">") &&
         lexer_.peek(3).is_symbol("(");
}

Node Parser::invocation(const Token& name) {
  Node node = start(Kind::kInvocation, name, name.text);
  if (accept("<")) {
    node.expression->type = lexer_.take().text;
    lexer_.take();
  }
  expect("(", "after '" + name.text + "'");
  if (accept(")")) return node;
  bool named = false;
  do {
    std::string key;
    const Token& token = lexer_.peek();
    if ((token.kind == Token::Kind::kWord || token.kind == Token::Kind::kName) && lexer_.peek(1).is_symbol("=")) {
      named = true;
      key = lexer_.take().text;
      lexer_.take();
    } else if (named) {
      lexer_.fail(token, "a positional argument follows a named one in '" + name.text + "'");
    }
    adopt(&node, expression());
    node.expression->names.push_back(std::move(key));
  } while (accept(","));
  expect(")", "or ',' after an argument of '" + name.text + "'");
  return node;
}

Node Parser::bracket() {
  const Token open = lexer_.take();
  if (lexer_.peek().is_word("for")) return comprehension(open);
  Node node = start(Kind::kArray, open);
  if (accept("]")) return node;
  do {
    adopt(&node, expression());
  } while (accept(","));
  expect("]", "or ',' after an item of an array");
  return node;
}

Node Parser::parenthesis() {
  const Token open = lexer_.take();
  Node first = expression();
  if (accept(")")) return first;
  Node node = start(Kind::kTuple, open);
  adopt(&node, std::move(first));
  while (accept(",")) adopt(&node, expression());
  expect(")", "or ',' in parentheses");
  return node;
}

Node Parser::comprehension(const Token& open) {
  const Scope scope(this);
  lexer_.take();
  Node node = start(Kind::kComprehension, open);
  do {
    node.expression->names.push_back(identifier("the variable of a comprehension"));
    if (!lexer_.peek().is_word("in")) fail_expected("'in'");
    lexer_.take();
    const bool outer_unary = open_unary_;
    adopt(&node, binary(0));  // not expression(): an `if` here filters the items
    open_unary_ = outer_unary;
  } while (accept(","));
  const auto part = [&] {
    lexer_.take();
    Node child = expression();
    node.height = std::max(node.height, child.height + 1);
    if (node.height > nesting_) fail_nesting(lexer_.peek());
    return child.expression;
  };
  if (lexer_.peek().is_word("if")) node.expression->condition = part();
  if (!lexer_.peek().is_word("yield")) fail_expected("'yield'");
  node.expression->value = part();
  expect("]", "after a comprehension");
  return node;
}

// --- quantisation files ---

std::vector<std::pair<std::string, ExpressionPtr>> Parser::quant() {
  std::vector<std::pair<std::string, ExpressionPtr>> entries;
  while (lexer_.peek().kind != Token::Kind::kEnd) {
    const Token name = lexer_.peek();
    if (name.kind != Token::Kind::kString && name.kind != Token::Kind::kName)
      fail_expected("the quoted name of a tensor");
    lexer_.take();
    expect(":", "after the name of a tensor");
    const Token call = lexer_.peek();
    Node value = expression();
    if (value.expression->kind != Kind::kInvocation) lexer_.fail(call, "expected a quantisation function");
    expect(";", "after a quantisation entry");
    const bool repeated =
        std::any_of(entries.begin(), entries.end(), [&](const auto& e) { return e.first == name.text; });
    if (repeated) lexer_.fail(name, "a second entry for '" + name.text + "'");
    entries.emplace_back(name.text, std::move(value.expression));
  }
  return entries;
}

}  // namespace

DocumentSyntax parse_document(std::string_view text, std::string_view file, const ParseLimits& limits) {
  return Parser(text, file, limits).document();
}

std::vector<std::pair<std::string, ExpressionPtr>> parse_quant(std::string_view text, std::string_view file) {
  return Parser(text, file, ParseLimits{}).quant();
}

}  // namespace nnef
