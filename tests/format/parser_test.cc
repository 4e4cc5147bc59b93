#include <gtest/gtest.h>

#include "nnef/text/syntax.h"

namespace nnef {
namespace {

using Kind = Expression::Kind;

// The tree as text, fully parenthesised.
std::string show(const ExpressionPtr& e) {
  if (!e) return "";
  const auto list = [&](std::size_t from = 0) {
    std::string text;
    for (std::size_t i = from; i < e->children.size(); ++i) {
      if (i > from) text += ", ";
      if (e->kind == Kind::kInvocation && !e->names[i].empty()) text += e->names[i] + "=";
      text += show(e->children[i]);
    }
    return text;
  };
  switch (e->kind) {
    case Kind::kString:
      return "'" + e->text + "'";
    case Kind::kArray:
      return "[" + list() + "]";
    case Kind::kTuple:
      return "(" + list() + ")";
    case Kind::kUnary:
      return "(" + e->text + show(e->children[0]) + ")";
    case Kind::kBinary:
      return "(" + show(e->children[0]) + " " + e->text + " " + show(e->children[1]) + ")";
    case Kind::kIfElse:
      return "(" + show(e->children[0]) + " if " + show(e->children[1]) + " else " + show(e->children[2]) + ")";
    case Kind::kSubscript:
      return show(e->children[0]) + "[" + show(e->children[1]) + "]";
    case Kind::kSlice:
      return show(e->children[0]) + "[" + show(e->children[1]) + ":" + show(e->children[2]) + "]";
    case Kind::kComprehension: {
      std::string text = "[for";
      for (std::size_t i = 0; i < e->names.size(); ++i) text += " " + e->names[i] + " in " + show(e->children[i]);
      if (e->condition) text += " if " + show(e->condition);
      return text + " yield " + show(e->value) + "]";
    }
    case Kind::kInvocation:
      return e->text + (e->type.empty() ? "" : "<" + e->type + ">") + "(" + list() + ")";
    case Kind::kInteger:
      return "i" + e->text;
    case Kind::kFloat:
      return "f" + e->text;
    default:
      return e->text;
  }
}

std::string parse_expression(const std::string& text) {
  const DocumentSyntax document = parse_document("fragment f() -> (y: scalar) { y = " + text + "; }", "t");
  return show(document.fragments.at(0).body.at(0).value);
}

std::string error_of(const std::string& text) {
  try {
    parse_document(text, "g.nnef");
  } catch (const SyntaxError& error) {
    return error.what();
  }
  return "";
}

TEST(Parser, ExpressionsBindAsSpecified) {
  const std::pair<const char*, const char*> kCases[] = {
      {"a + b * c ^ d", "(a + (b * (c ^ d)))"},
      {"a - b - c", "((a - b) - c)"},
      {"a ^ b ^ c", "((a ^ b) ^ c)"},
      {"a * b + c", "((a * b) + c)"},
      {"a < b && c == d + e", "((a < b) && (c == (d + e)))"},
      {"a && b in c", "((a && b) in c)"},
      {"(a + b) * c", "((a + b) * c)"},
      {"x -1.0", "(x - f1.0)"},
      {"x - -1", "(x - i-1)"},
      {"-1 * x", "(i-1 * x)"},
      {"[-1, -2.5, -inf, inf]", "[i-1, f-2.5, f-inf, finf]"},
      {"- 3", "i-3"},
      {"-x", "(-x)"},
      {"-x * y", "((-x) * y)"},
      {"-x ^ y", "(-(x ^ y))"},
      {"(-x) + y", "((-x) + y)"},
      {"a + -b", "(a + (-b))"},
      {"!a", "(!a)"},
      {"f(-x, y + 1)", "f((-x), (y + i1))"},
      {"f(-x) + y", "(f((-x)) + y)"},
      {"[for i in -x yield i] + y", "([for i in (-x) yield i] + y)"},
      {"a if b else c if d else e", "(a if b else (c if d else e))"},
      {"a + 1 if b > 2 else c", "((a + i1) if (b > i2) else c)"},
      {"a[1]", "a[i1]"},
      {"a[1:][0]", "a[i1:][i0]"},
      {"a[:-1] + b[:]", "(a[:i-1] + b[:])"},
      {"[for a in b yield a * 2]", "[for a in b yield (a * i2)]"},
      {"[for a in b, c in d if a > c yield (a, c)]", "[for a in b c in d if (a > c) yield (a, c)]"},
      {"f<scalar>(x) < y", "(f<scalar>(x) < y)"},
      {"f < scalar", "(f < scalar)"},
      {"shape_of(x)[0]", "shape_of(x)[i0]"},
      {"[(1,1), (0,2)]", "[(i1, i1), (i0, i2)]"},
      {"[]", "[]"},
      {"[(0)]", "[i0]"},
      {"'a\"b' + \"c\\\\\\\"d\"", "('a\"b' + 'c\\\"d')"},
      {"1e3 + 1.5e-3 + 1E+4 + 5.", "(((f1e3 + f1.5e-3) + f1E+4) + f5.)"},
      {"graph + version + extension + tensor + i", "((((graph + version) + extension) + tensor) + i)"},
      {"i\"odd name\" + i'x'", "(odd name + x)"},
      {"true", "true"},
      {"truex + info", "(truex + info)"},
      {"f(x, axis = 1, to = \"i64\")", "f(x, axis=i1, to='i64')"},
  };
  for (const auto& [text, tree] : kCases) EXPECT_EQ(parse_expression(text), tree) << text;
}

TEST(Parser, RefusesAmbiguousUnaryOperators) {
  for (const char* text : {"-x + y", "a * -b - c", "!a && b", "-x * y + z", "-x < y", "-x if c else d", "-2 ^ 3"}) {
    EXPECT_THROW(parse_expression(text), SyntaxError) << text;
  }
}

TEST(Parser, ReadsADocument) {
  const DocumentSyntax document = parse_document(
      "version 1.0;\n"
      "extension tract_registry tract_core;\n"
      "extension  tract_assert  B\t>= 1 ;\n"
      "# about f\n"
      "#  in two lines\n"
      "fragment f<? = scalar>(a: tensor<?>[], b: (integer, integer)[] = [(1,2)], c: tensor<scalar>= -1.0) -> (y: "
      "tensor<?>);\n"
      "graph net(x, i\"y-1\") -> (z)\n"
      "{\n"
      "  x = external(shape = [1]); # trailing\n"
      "  a, b = f(x);\n"
      "  [c, d] = f(x);\n"
      "  (e, z) = f(x);\n"
      "  [] = f(x);\n"
      "  extension = f(x);\n"
      "}\n",
      "g");
  EXPECT_EQ(document.version, "1.0");
  EXPECT_EQ(document.extensions, (std::vector<std::string>{"tract_registry tract_core", "tract_assert B >= 1"}));
  ASSERT_EQ(document.fragments.size(), 1u);
  const FragmentSyntax& fragment = document.fragments[0];
  EXPECT_EQ(fragment.comment, "about f\n in two lines");
  EXPECT_EQ(fragment.generic, "?=scalar");
  EXPECT_FALSE(fragment.has_body);
  EXPECT_EQ(fragment.line, 6);
  ASSERT_EQ(fragment.parameters.size(), 3u);
  EXPECT_EQ(fragment.parameters[0].type, "tensor<?>[]");
  EXPECT_EQ(fragment.parameters[0].default_value, nullptr);
  EXPECT_EQ(fragment.parameters[1].type, "(integer,integer)[]");
  EXPECT_EQ(show(fragment.parameters[1].default_value), "[(i1, i2)]");
  EXPECT_EQ(show(fragment.parameters[2].default_value), "f-1.0");
  EXPECT_EQ(fragment.results.at(0).name, "y");
  ASSERT_TRUE(document.graph.has_value());
  EXPECT_EQ(document.graph->inputs, (std::vector<std::string>{"x", "y-1"}));
  ASSERT_EQ(document.graph->body.size(), 6u);
  EXPECT_EQ(document.graph->body[1].results, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(document.graph->body[1].is_array);
  EXPECT_TRUE(document.graph->body[2].is_array);
  EXPECT_EQ(document.graph->body[3].results, (std::vector<std::string>{"e", "z"}));
  EXPECT_TRUE(document.graph->body[4].results.empty());
  EXPECT_EQ(document.graph->body[5].results.at(0), "extension");
}

TEST(Parser, ReadsARowFile) {
  const DocumentSyntax document = parse_document(
      "extension torch2nnef_rows 1;\n\n"
      "fragment a(self: tensor<scalar>) -> (y: tensor<scalar>); # not about b\n"
      "# far away\n\n"
      "# near\n"
      "fragment b(self: tensor<scalar>, lambda_: scalar = 0.5) -> (y: tensor<scalar>) { y = self * lambda_; }\n"
      "fragment c() -> (properties: (string, tensor<scalar>)[]) { properties = [('a', 'b')]; }\n",
      "rows");
  EXPECT_EQ(document.version, "");
  EXPECT_FALSE(document.graph.has_value());
  ASSERT_EQ(document.fragments.size(), 3u);
  EXPECT_EQ(document.fragments[1].comment, "near");
  EXPECT_EQ(document.fragments[1].parameters[1].name, "lambda_");
  EXPECT_EQ(document.fragments[2].comment, "");
  EXPECT_EQ(document.fragments[2].results[0].type, "(string,tensor<scalar>)[]");
}

TEST(Parser, ErrorsNameThePlaceAndWhatWasExpected) {
  const std::pair<const char*, const char*> kCases[] = {
      {"version 1.0", "g.nnef:1:12: expected ';' after the version, found the end of the file"},
      {"version x;", "g.nnef:1:9: expected a version number, found 'x'"},
      {"graph g(x) -> (y)\n{ y = f(x) }", "g.nnef:2:12: expected ';' after a statement, found '}'"},
      {"graph g(x) -> (y) { y = f(x,); }", "g.nnef:1:29: expected an expression, found ')'"},
      {"graph g(x) -> (y) { y = f(a = x, y); }", "g.nnef:1:34: a positional argument follows a named one in 'f'"},
      {"graph g(x) -> (y) { y = .5; }", "g.nnef:1:25: unexpected '.'"},
      {"graph g(x) -> (y) { y = 1.5.2; }", "g.nnef:1:25: the number 1.5 is followed by '.'"},
      {"graph g(x) -> (y) { y = 1e; }", "g.nnef:1:25: the number has no digits in its exponent"},
      {"graph g(x) -> (y) { y = 12ab; }", "g.nnef:1:25: the number 12 is followed by 'a'"},
      {"graph g(x) -> (y) { y = 'abc; }", "g.nnef:1:25: the string is not closed"},
      {"graph g(x) -> (y) { y = \xc3\xa9; }", "g.nnef:1:25: unexpected byte 0xc3"},
      {"\xef\xbb\xbfversion 1.0;", "g.nnef:1:1: the text begins with a byte order mark, which NNEF does not allow"},
      {"extension a", "g.nnef:1:1: the extension has no ';'"},
      {"graph g(x) -> (y) {} graph h(x) -> (y) {}",
       "g.nnef:1:22: expected the end of the file after the graph, found 'graph'"},
      {"version 1.0; // no", "g.nnef:1:14: expected 'extension', 'fragment' or 'graph', found '/'"},
      {"graph g(x) -> (y) { y = 1 if x; }", "g.nnef:1:31: expected 'else', found ';'"},
      {"graph g(x) -> (y) { if = x; }", "g.nnef:1:21: expected the name of a result, or '}', found the keyword 'if'"},
      {"fragment f(x: tensor<scalar) -> (y: scalar);",
       "g.nnef:1:28: expected '>' after the item type of a tensor, found ')'"},
      {"fragment f(x: float) -> (y: scalar);", "g.nnef:1:15: expected a type, found 'float'"},
  };
  for (const auto& [text, message] : kCases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Parser, LimitsNesting) {
  const auto repeat = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  EXPECT_NO_THROW(parse_expression(repeat("(", 150) + "x" + repeat(")", 150)));
  for (const char* open :
       {"(", "[", "f(", "-", "!", "x[", "x ^ (", "x if ", "[for a in ", "f(a = [(", "x + ", "1 * "}) {
    EXPECT_THROW(parse_expression(repeat(open, 100000)), SyntaxError) << open;
  }
  EXPECT_THROW(parse_expression(repeat("x + ", 100000) + "x"), SyntaxError);
  EXPECT_THROW(parse_expression("x" + repeat("[0]", 100000)), SyntaxError);
  EXPECT_THROW(parse_document("fragment f(x: " + repeat("(", 100000), "t"), SyntaxError);
}

TEST(Parser, SurvivesEveryTruncation) {
  const std::string text =
      "version 1.0;\nextension tract_symbol S;\nfragment f<?>(a: tensor<?>, b: (integer,integer)[] = [(1,2)]) -> (y: "
      "tensor<?>) { y = a[1:2] if b else [for i in b if i yield -i * 2.5e-3]; }\ngraph g(x) -> (y) { y = f<scalar>(x, "
      "b = [(1,1)], c = 'it\\'s'); }";
  EXPECT_NO_THROW(parse_document(text, "t"));
  int refused = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    try {
      parse_document(text.substr(0, size), "t");
    } catch (const SyntaxError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(text.size()) - 20);
}

TEST(Parser, ReadsQuantEntries) {
  const auto entries = parse_quant(
      "# comment\n\"x\": linear_quantize(bits = 8, max = 1.0, min = -1.0);\ni\"odd name\": f(zero_point = 0);\n", "q");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].first, "x");
  EXPECT_EQ(show(entries[0].second), "linear_quantize(bits=i8, max=f1.0, min=f-1.0)");
  EXPECT_EQ(entries[1].first, "odd name");
  EXPECT_THROW(parse_quant("\"x\": 1;", "q"), SyntaxError);
  EXPECT_THROW(parse_quant("x: f(a = 1);", "q"), SyntaxError);
  EXPECT_THROW(parse_quant("\"x\": f(a = 1); \"x\": f(a = 1);", "q"), SyntaxError);
}

}  // namespace
}  // namespace nnef
