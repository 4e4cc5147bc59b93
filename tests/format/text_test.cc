#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nnef/builder/builder.h"
#include "nnef/dialect/validate.h"
#include "nnef/text/syntax.h"
#include "sample_graph.h"

namespace nnef {
namespace {

const char* const kSampleText = R"(version 1.0;

extension tract_registry tract_core;
extension tract_symbol S;
extension tract_assert S >= 1;

fragment tract_core_properties() -> (properties: (string, tensor<scalar>)[])
{
  properties = [
    ("key", "a \"quoted\" \'text\' \\ {\{ x }} {\% y")
  ];
}

graph net(x) -> (y, i)
{
  # input { {
  x = tract_core_external(shape = [S, 4], datum_type = "f32");
  w = variable(shape = [1, 4], label = "block.0/weight");
  # model.py:3
  a = add(x, w);
  y = mul(a, 0.1);
  i = argmax_reduce(y, axes = [1]);
}
)";

Graph read(const std::string& text, const std::map<std::string, TensorDataPtr>& variables = {}) {
  return read_text(text, "", "graph.nnef", tract_dialect(), variables);
}

// A document whose graph has the statements, input x: f32[2,3], output y.
std::string document(const std::string& body, const std::string& before = "") {
  return "version 1.0; extension tract_registry tract_core; extension tract_symbol S;\n" + before +
         "graph net(x) -> (y) {\nx = tract_core_external(shape = [2, 3], datum_type = \"f32\");\n" + body + "\n}";
}

// The statements that the reader made of `body`, flat, without the first.
std::string flat(const std::string& body, const std::string& before = "") {
  const std::string text = write_text(read(document(body, before)), tract_dialect());
  const std::size_t begin = text.find("\"f32\");\n") + 8;
  return text.substr(begin, text.rfind('}') - begin);
}

std::string error_of(const std::string& body, const std::string& before = "") {
  try {
    read(document(body, before));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Text, WritesTheSample) {
  TextOptions options;
  options.comments = true;
  EXPECT_EQ(write_text(sample_graph(), tract_dialect(), options), kSampleText);
}

TEST(Text, ReadsWhatItWrites) {
  const Graph sample = sample_graph();
  const Graph graph = read(kSampleText, sample.variables);
  EXPECT_EQ(write_text(graph, tract_dialect()), write_text(sample, tract_dialect()));
  EXPECT_EQ(graph.properties, sample.properties);
  ASSERT_EQ(graph.values.size(), sample.values.size());
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    EXPECT_EQ(graph.values[i].name, sample.values[i].name);
    EXPECT_EQ(graph.values[i].dtype, sample.values[i].dtype);
    EXPECT_EQ(graph.values[i].shape, sample.values[i].shape);
  }
  EXPECT_EQ(graph.variables.size(), 1u);
}

TEST(Text, WritesFloatsAsTheShortestF32) {
  const std::pair<double, const char*> kCases[] = {
      {1.0, "1.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {1.0 / 3.0, "0.33333334"},
      {1e-5, "1e-05"},
      {100000.0, "100000.0"},
      {1e30, "1e30"},
      {16777217.0, "16777216.0"},
      {1e-45, "1e-45"},
      {3.4028234663852886e38, "3.4028235e38"},
      {-2.5, "-2.5"},
      {1e10, "1e10"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
  };
  for (const auto& [number, text] : kCases) {
    Graph graph = sample_graph();
    graph.operations[3].arguments[1].argument = number;
    const std::string written = write_text(graph, tract_dialect());
    EXPECT_NE(written.find("y = mul(a, " + std::string(text) + ");"), std::string::npos) << text << written;
    const Graph back = read(written, graph.variables);
    EXPECT_EQ(static_cast<float>(std::get<double>(back.operations[3].arguments[1].argument.is)),
              static_cast<float>(number));
  }
}

TEST(Text, RefusesWhatTheTextCannotHold) {
  const auto refuses = [](const std::function<void(Graph&)>& change) {
    Graph graph = sample_graph();
    change(graph);
    EXPECT_THROW(write_text(graph, tract_dialect()), FormatError);
  };
  refuses([](Graph& g) { g.operations[3].arguments[1].argument = std::nan(""); });
  refuses([](Graph& g) { g.operations[3].arguments[1].argument = 1e39; });
  refuses([](Graph& g) { g.values[1].name = "info"; });
  refuses([](Graph& g) { g.operations[3].op = "no_such_operator"; });
  refuses([](Graph& g) { g.operations[3].arguments[1].name = "no_such_parameter"; });
  refuses([](Graph& g) { g.asserts = {"S >= 1; extension x"}; });
  refuses([](Graph& g) { g.asserts = {"{{ S }}"}; });
  refuses([](Graph& g) { g.properties = {{"a", std::string("b\0c", 3)}}; });
}

TEST(Text, NamesThatAreNoIdentifiersAreQuoted) {
  Graph graph = sample_graph();
  graph.values[1].name = "w.0";
  graph.values[2].name = "a \"b\" {{";
  const std::string text = write_text(graph, tract_dialect());
  EXPECT_NE(text.find("  i\"a \\\"b\\\" {\\{\" = add(x, i\"w.0\");\n"), std::string::npos) << text;
  EXPECT_EQ(write_text(read(text, graph.variables), tract_dialect()), text);
  EXPECT_THROW(write_text(graph, Dialect(*Target::parse("khronos"))), FormatError);
}

TEST(Text, TensorsArePositionalAndAttributesNamed) {
  EXPECT_EQ(flat("y = concat(values = [x, x], axis = 1);"), "  y = concat([x, x], axis = 1);\n");
  EXPECT_EQ(flat("y = pad(x, [(0,0),(1,2)], border = 'constant', value = -1.5);"),
            "  y = pad(x, padding = [(0, 0), (1, 2)], border = \"constant\", value = -1.5);\n");
  EXPECT_EQ(flat("[a, y] = unstack(x, axis = 0);"), "  [a, y] = unstack(x, axis = 0);\n");
  EXPECT_EQ(flat("(a, y) = moments(x, axes = [1]);"), "  a, y = moments(x, axes = [1]);\n");
}

TEST(Text, ExpandsExpressions) {
  EXPECT_EQ(flat("y = x * 2.0 + x;"), "  y_1 = mul(x, 2.0);\n  y = add(y_1, x);\n");
  EXPECT_EQ(flat("y = relu(exp(x));"), "  y_1 = exp(x);\n  y = relu(y_1);\n");
  EXPECT_EQ(flat("y = -x;"), "  y = neg(x);\n");
  EXPECT_EQ(flat("y = x if 1 < 2 && !false else exp(x);"), "  y = copy(x);\n");
  EXPECT_EQ(flat("y = reshape(x, shape = [shape_of(x)[1], 1 + 1]);"), "  y = reshape(x, shape = [3, 2]);\n");
  EXPECT_EQ(flat("y = reshape(x, shape = [for i in [2, 1] yield i] + [3]);"), "  y = reshape(x, shape = [2, 1, 3]);\n");
  EXPECT_EQ(flat("y = reshape(x, shape = [for i in range_of(shape_of(x)), d in shape_of(x) if i > 0 yield d] + [2]);"),
            "  y = reshape(x, shape = [3, 2]);\n");
  EXPECT_EQ(flat("y = tile(x, repeats = [S + 1, min(3, S)]);"), "  y = tile(x, repeats = [S+1, min(3,S)]);\n");
  EXPECT_EQ(flat("y = concat([for i in [1.0, 2.0] yield x * i], axis = 0);"),
            "  y_1 = mul(x, 1.0);\n  y_2 = mul(x, 2.0);\n  y = concat([y_1, y_2], axis = 0);\n");
  EXPECT_EQ(flat("s = [x, x] * 2; y = concat(s[1:3], axis = 0);"), "  y = concat([x, x], axis = 0);\n");
}

TEST(Text, InlinesFragments) {
  const std::string fragment =
      "fragment f(a: tensor<scalar>, k: scalar = 2.0) -> (p: tensor<scalar>, q: tensor<scalar>)\n"
      "{ t = a * k; p = t + 1.0; q = exp(t); }\n";
  EXPECT_EQ(flat("u, y = f(x, k = 3.0);", fragment), "  u_t = mul(x, 3.0);\n  u = add(u_t, 1.0);\n  y = exp(u_t);\n");
  EXPECT_EQ(flat("u, v = f(x); w, y = f(u);", fragment),
            "  u_t = mul(x, 2.0);\n  u = add(u_t, 1.0);\n  v = exp(u_t);\n"
            "  w_t = mul(u, 2.0);\n  w = add(w_t, 1.0);\n  y = exp(w_t);\n");
  EXPECT_EQ(flat("y = relu(x);", "fragment relu(x: tensor<scalar>) -> (y: tensor<scalar>) { y = abs(x); }\n"),
            "  y = abs(x);\n");
}

TEST(Text, ReadsScans) {
  const std::string body =
      "fragment cell(a: tensor<scalar>, h: tensor<scalar>) -> (n: tensor<scalar>) { n = a + h; }\n";
  const Graph graph = read(document(
      "h0 = slice(x, axes = [1], begin = [0], end = [1]);\n"
      "y = tract_core_scan(body = \"cell\", scan = [(\"a\", x, 1, 1)], full = [], state = [(\"h\", h0, \"n\")], "
      "output = [(\"n\", \"full\", 1, 1)]);",
      body));
  ASSERT_EQ(graph.fragments.size(), 1u);
  const Graph& cell = graph.fragments[0].body;
  EXPECT_EQ(cell.name, "cell");
  EXPECT_EQ(cell.info(cell.inputs.at(0)).shape, make_shape({2, 1}));
  EXPECT_EQ(cell.operations.at(0).op, "add");
  EXPECT_EQ(graph.info(graph.outputs[0]).shape, make_shape({2, 3}));
  const std::string text = write_text(graph, tract_dialect());
  EXPECT_NE(
      text.find("fragment cell(a: tensor<scalar>, h: tensor<scalar>) -> (n: tensor<scalar>)\n{\n  n = add(a, h);\n}\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(write_text(read(text), tract_dialect()), text);
}

// The graph holds them as text.
TEST(Text, PropertiesMayBeNumbersAndArrays) {
  const std::string before =
      "fragment tract_core_properties() -> (properties: (string, tensor<scalar>)[]) {\n"
      "properties = [(\"a\", \"b\"), (\"delay\", -3), (\"axes\", [[0, 1], []]), (\"rate\", 0.5)]; }\n";
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"a", "b"}, {"delay", "-3"}, {"axes", "[[0, 1], []]"}, {"rate", "0.5"}};
  EXPECT_EQ(read(document("y = exp(x);", before)).properties, wanted);
  EXPECT_NE(error_of("y = exp(x);", "fragment tract_core_properties() -> (p: scalar) { p = [(1, 2)]; }"), "");
}

void expect_same_values(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.operations.size(), b.operations.size());
  for (std::size_t i = 0; i < a.operations.size(); ++i) {
    const Operation &x = a.operations[i], &y = b.operations[i];
    EXPECT_EQ(x.op, y.op);
    ASSERT_EQ(x.results.size(), y.results.size());
    for (std::size_t k = 0; k < x.results.size(); ++k) {
      EXPECT_EQ(a.info(x.results[k]).name, b.info(y.results[k]).name);
      EXPECT_EQ(a.info(x.results[k]).dtype, b.info(y.results[k]).dtype);
      EXPECT_EQ(a.info(x.results[k]).shape, b.info(y.results[k]).shape) << a.info(x.results[k]).name;
    }
  }
}

// All that a graph can say at once: symbols, asserts, properties, a scan, quantisation, sizes, several results.
TEST(Text, BuiltGraphsRoundTrip) {
  Graph body;
  body.name = "step";
  const Dialect dialect = tract_dialect();
  Builder inner(body, dialect);
  const Value item = inner.parameter("item", DType::kF32, {1, 4});
  const Value sum = inner.parameter("sum", DType::kF32, {1, 4});
  inner.name_output(inner.binary("add", item, inner.binary("mul", sum, 0.1)), "next");

  Graph graph;
  graph.symbols = {"S", "T"};
  graph.asserts = {"S >= 2"};
  graph.extensions = {"vendor_thing 1"};
  graph.properties = {{"tool", "a 'b' \"c\" \\"}};
  graph.fragments.push_back({body});
  Builder b(graph, dialect);
  const Dim S = Dim::symbol("S"), T = Dim::symbol("T");
  const Value x = b.external("x", DType::kF32, {S, 4});
  const Value n = b.external("n", DType::kI64, {T});
  const Value start = b.variable("start", ramp(DType::kF32, {1, 4}));
  const auto list = [](std::vector<Argument> items) {
    Argument::Array array;
    array.items.push_back(Argument::tuple(std::move(items)));
    return Argument(std::move(array));
  };
  const Value seen = b.add("tract_core_scan", {},
                           {{"body", "step"},
                            {"scan", list({"item", x, 0, 1})},
                            {"full", Argument::Array{}},
                            {"state", list({"sum", start, "next"})},
                            {"output", list({"next", "full", 0, 1})}});
  const auto best = b.add_multi("tract_core_topk", {seen}, {{"k", 2}, {"axis", 1}, {"largest", true}});
  b.name_output(b.reshape(b.slice(best[0], 0, S - min(S, 7), S), {2 * min(S, 7)}), "y");
  b.name_output(b.add_multi("unstack", {best[1]}, {{"axis", 1}})[1], "places");
  b.name_output(b.binary("mul", n, floor_div(T + S, 3)), "scaled");
  graph.quant["y"] = {"zero_point_linear_quantize",
                      {{"zero_point", 0}, {"scale", 0.1}, {"bits", 8}, {"signed", true}, {"symmetric", false}}};
  b.finish();

  const std::string text = write_text(graph, dialect), quant = write_quant(graph);
  const Graph back = read_text(text, quant, "graph.nnef", dialect, graph.variables);
  EXPECT_EQ(write_text(back, dialect), text);
  EXPECT_EQ(write_quant(back), quant);
  EXPECT_EQ(back.extensions, graph.extensions);
  EXPECT_EQ(back.properties, graph.properties);
  expect_same_values(graph, back);
  ASSERT_EQ(back.fragments.size(), 1u);
  expect_same_values(graph.fragments[0].body, back.fragments[0].body);
  EXPECT_EQ(validate(back, dialect), std::vector<std::string>{});
}

TEST(Text, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> kCases[] = {
      {"y = exp(z);", "graph.nnef:4:9: 'z' is not defined"},
      {"y = no_such(x);", "graph.nnef:4:5: unknown operator or fragment 'no_such'"},
      {"y = exp(x, x);", "graph.nnef:4:12: 'exp' has only 1 parameters"},
      {"y = exp(x, a = 1);", "graph.nnef:4:16: 'exp' has no parameter 'a'"},
      {"y = exp(x, x = x);", "graph.nnef:4:16: 'x' is given twice to 'exp'"},
      {"y = concat([x, x]);", "graph.nnef:4:5: 'concat' needs 'axis'"},
      {"y, z = exp(x);", "graph.nnef:4:8: 'exp' has 1 results, 2 are taken"},
      {"z = exp(x);", "graph.nnef:4:1: the graph's output 'y' is never assigned"},
      {"y = 1.0;", "graph.nnef:4:1: 'y' is not a tensor"},
      {"y = x * 99999999999999999999;", "graph.nnef:4:9: the integer 99999999999999999999 does not fit in 64 bits"},
      {"y = variable(label = 'w', shape = [1]);", "graph.nnef:4:5: the tensor file is missing for the label 'w'"},
      {"y = tract_core_external(shape = [1], datum_type = 'f32');",
       "graph.nnef:4:5: 'y' is external but no input of the graph"},
      {"y = exp(x) if x else x;", "graph.nnef:4:15: a condition must be known when the text is read"},
      {"y = exp([1][1]);", "graph.nnef:4:12: index 1 of an array of 1"},
      {"y = exp(1 + 1.5);", "graph.nnef:4:11: '+' is not defined for an integer and a scalar"},
  };
  for (const auto& [body, message] : kCases) EXPECT_EQ(error_of(body), message) << body;
  EXPECT_EQ(error_of("y = f(x);", "fragment f(a: tensor<scalar>) -> (b: tensor<scalar>) { b = f(a); }\n"),
            "graph.nnef:2:60: fragment 'f' contains itself");
  EXPECT_THROW(read("graph g(x) -> (y) {}"), FormatError);
  EXPECT_THROW(read("version 1.0;"), FormatError);
}

// As tract reads them, and as it and others write them.
TEST(Text, TractTakesTheLaterOfTwoAssignments) {
  EXPECT_EQ(flat("y = exp(x); z = abs(y); y = z;"), "  y_1 = exp(x);\n  z = abs(y_1);\n  y = copy(z);\n");
  EXPECT_EQ(flat("z = exp(x); z = exp(x); y = abs(z);"), "  z = exp(x);\n  y = abs(z);\n");
  try {
    read_text("version 1.0; graph g(x) -> (y) { x = external(shape = [1]); y = exp(x); y = abs(x); }", "", "g",
              Dialect(*Target::parse("khronos")), {});
    ADD_FAILURE();
  } catch (const SyntaxError& error) {
    EXPECT_EQ(error.message(), "'y' is assigned twice");
  }
}

// Small tensors are arrays of numbers in tract's texts, and operands are widened.
TEST(Text, TractsShortFormsAreWrittenOut) {
  EXPECT_EQ(flat("w = [[0.5, 1.0, 2.0]]; y = mul(x, w);"),
            "  y_1 = variable(shape = [1, 3], label = \"y\");\n  y = mul(x, y_1);\n");
  EXPECT_EQ(flat("a = tract_core_cast(x, to = 'F64'); y = add(x, a);"),
            "  a = tract_core_cast(x, to = \"f64\");\n  x_cast = tract_core_cast(x, to = \"f64\");\n"
            "  y = add(x_cast, a);\n");
  EXPECT_EQ(flat("a = tract_core_cast(x, to = 'i64'); y = mul(a, 2);"),
            "  a = tract_core_cast(x, to = \"i64\");\n  number = tract_core_cast(2, to = \"i64\");\n"
            "  y = mul(a, number);\n");
  EXPECT_EQ(flat("y = softmax(x, 1);"), "  y = softmax(x, axes = [1]);\n");
  EXPECT_NE(error_of("w = [[0.5], [1.0, 2.0]]; y = mul(x, w);"), "");
  EXPECT_NE(error_of("w = [0.5, 1]; y = mul(x, w);"), "");
}

TEST(Text, PaddingThatIsLeftOutIsWrittenOut) {
  const auto window = [](const std::string& call) {
    const std::string text = flat(
        "a = reshape(x, shape = [1, 1, 6]); w = tract_core_cast([[[1.0, 2.0, 3.0, 4.0]]], to = 'f32');\n"
        "y = " +
        call + ";");
    const std::size_t at = text.find("padding");
    return text.substr(at, text.find(")]", at) + 2 - at);
  };
  EXPECT_EQ(window("conv(a, w)"), "padding = [(1, 2)]");
  EXPECT_EQ(window("conv(a, w, padding = [], stride = [4])"), "padding = [(1, 1)]");
  EXPECT_EQ(window("conv(a, w, stride = [6])"), "padding = [(0, 0)]");
  EXPECT_EQ(window("conv(a, w, dilation = [2])"), "padding = [(3, 3)]");
  EXPECT_EQ(window("deconv(a, w, stride = [2])"), "padding = [(1, 1)]");
  EXPECT_EQ(window("max_pool(a, size = [1, 1, 3], stride = [1, 1, 2])"), "padding = [(0, 0), (0, 0), (0, 1)]");
}

// Sizes that the text computes in tensors may stand where numbers are needed.
TEST(Text, FollowsSizes) {
  const std::string sizes =
      "s = tract_core_shape_of(x); d = slice(s, axes = [0], begin = [1], end = [2], stride = [1]);\n"
      "n = squeeze(d, axes = [0]); m = mul(n, 2);\n"
      "f = tract_core_cast(n, to = 'f32'); h = div(f, 2.0); t = select(h < 0.0, ceil(h), floor(h));\n"
      "k = tract_core_cast(t, to = 'i64');\n";
  const auto last = [&](const std::string& statement) {
    const std::string text = flat(sizes + statement);
    return text.substr(text.rfind("  y = "));
  };
  EXPECT_EQ(last("y = reshape(x, shape = [n, 2]);"), "  y = reshape(x, shape = [3, 2]);\n");
  EXPECT_EQ(last("y = reshape(x, shape = s);"), "  y = reshape(x, shape = [2, 3]);\n");
  EXPECT_EQ(last("y = tile(x, repeats = [m, k]);"), "  y = tile(x, repeats = [6, 1]);\n");
  EXPECT_EQ(last("y = tile(x, repeats = concat([d, unsqueeze(k, axes = [0])], axis = 0));"),
            "  y = tile(x, repeats = [3, 1]);\n");
}

TEST(Text, SmallTextsDoNotExpandWithoutEnd) {
  EXPECT_NE(error_of("y = exp([0] * 100000000000);"), "");
  EXPECT_NE(error_of("a = [0] * 1000000; b = a * 1000000; y = exp(x);"), "");
  std::string fragments = "fragment f0(a: tensor<scalar>) -> (b: tensor<scalar>) { b = exp(a); }\n";
  for (int i = 1; i < 40; ++i) {
    const std::string below = "f" + std::to_string(i - 1);
    fragments += "fragment f" + std::to_string(i) + "(a: tensor<scalar>) -> (b: tensor<scalar>) { b = " + below + "(" +
                 below + "(a)); }\n";
  }
  EXPECT_NE(error_of("y = f39(x);", fragments).find("too many operations"), std::string::npos);
}

TEST(Text, KhronosTextsNameItemClasses) {
  const Dialect dialect(*Target::parse("khronos"));
  Graph graph;
  const Value x = add_value(graph, "x", DType::kI64, {2, 3});
  const Value w = add_value(graph, "w", DType::kBool, {2, 3});
  const Value y = add_value(graph, "y", DType::kI64, {2, 3});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.variables["w"] = ramp(DType::kBool, {2, 3});
  graph.operations.push_back({"external", {{"shape", std::vector<std::int64_t>{2, 3}}}, {x}, ""});
  graph.operations.push_back({"variable", {{"shape", std::vector<std::int64_t>{2, 3}}, {"label", "w"}}, {w}, ""});
  graph.operations.push_back({"select", {{"condition", w}, {"true_value", x}, {"false_value", x}}, {y}, ""});
  const std::string text = write_text(graph, dialect);
  EXPECT_NE(text.find("x = external<integer>(shape = [2, 3]);\n  w = variable<logical>("), std::string::npos) << text;
  const Graph back = read_text(text, "", "graph.nnef", dialect, graph.variables);
  EXPECT_EQ(back.info(back.outputs[0]).dtype, DType::kI64);
  graph.properties = {{"a", "b"}};
  EXPECT_THROW(write_text(graph, dialect), FormatError);
}

TEST(Text, QuantEntriesRoundTrip) {
  Graph graph = sample_graph();
  graph.quant["y"] = {"zero_point_linear_quantize",
                      {{"zero_point", 0}, {"scale", 0.1}, {"bits", 8}, {"signed", true}, {"symmetric", false}}};
  const std::string quant = write_quant(graph);
  EXPECT_EQ(
      quant,
      "\"y\": zero_point_linear_quantize(zero_point = 0, scale = 0.1, bits = 8, signed = true, symmetric = false);\n");
  const Graph back = read_text(kSampleText, quant, "graph.nnef", tract_dialect(), graph.variables);
  EXPECT_EQ(write_quant(back), quant);
  EXPECT_EQ(write_quant(sample_graph()), "");
  EXPECT_THROW(read_text(kSampleText, "\"y\": f(a = b);", "graph.nnef", tract_dialect(), graph.variables), SyntaxError);
}

}  // namespace
}  // namespace nnef
