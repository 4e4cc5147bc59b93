// Names and headings of a graph, from Tapes made by hand.
#include <gtest/gtest.h>

#include "export/lower/lower.h"
#include "export/lower/module_sections.h"
#include "export/lower/value_names.h"
#include "hand_tape.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using torch2nnef_test::HandTape;

constexpr ScalarType kF32 = ScalarType::kFloat32;

class ReadableTest : public testing::Test {
 protected:
  // A call that a line of model.py makes; lines of one number are the same line.
  TapeValue call(const std::string& op, TapeValue x, const std::string& path, int line, const std::string& text) {
    const TapeValue result = hand_.call(op, {{"self", {x}}}, kF32, {2});
    at(path, line, text);
    return result;
  }

  void at(const std::string& path, int line, const std::string& text) {
    Location& where = hand_.tape.calls.back().where;
    where.module_path = path;
    where.module_class = path.empty() ? "Net" : "nn.Part";
    where.stack = {{"/home/model.py", line, "forward", text}};
  }

  TapeValue plus_weight(TapeValue x, const std::string& path, int line) {
    const TapeValue weight = hand_.constant(kF32, {2}, {1, static_cast<double>(line)}, path + ".weight");
    const TapeValue result = hand_.call(
        "aten::add.Tensor", {{"self", {x}}, {"other", {weight}}, {"alpha", {nnef::Dim(1)}, true}}, kF32, {2});
    at(path, line, "return x + self.weight");
    return result;
  }

  std::string text(bool with_sections = false) {
    Diagnostics diagnostics;
    LowerOptions options;
    options.comments = with_sections;
    nnef::Graph graph;
    Lineage lineage = lower_tape(hand_.tape, graph, dialect_, Tables(builtin_registry()), options, diagnostics);
    EXPECT_FALSE(diagnostics.has_errors());
    name_values(graph, hand_.tape, lineage);
    if (with_sections) {
      divide_by_module(graph, hand_.tape, lineage);
      put_weights_below_headings(graph);
    }
    nnef::TextOptions text;
    text.comments = with_sections;
    const std::string written = nnef::write_text(graph, dialect_, text);
    return written.substr(written.find("{\n") + 2);
  }

  HandTape hand_;
  const nnef::Dialect dialect_{nnef::Target{}};
};

TEST_F(ReadableTest, TheLastCallOfALineHasTheNameOfItsVariable) {
  TapeValue x = hand_.input("x", kF32, {2});
  x = call("aten::relu", x, "", 3, "scores = self.act(x).tanh()");
  x = call("aten::tanh", x, "", 3, "scores = self.act(x).tanh()");
  hand_.output("y", call("aten::relu", x, "", 4, "return scores.relu()"));
  EXPECT_NE(text().find("  relu = relu(x);\n  scores = tanh(relu);\n  y = relu(scores);\n"), std::string::npos)
      << text();
}

TEST_F(ReadableTest, AVariableOfSeveralLinesNamesNothing) {
  TapeValue x = hand_.input("x", kF32, {2});
  x = call("aten::relu", x, "", 3, "h = x.relu()");
  x = call("aten::tanh", x, "", 4, "h = h.tanh()");
  hand_.output("y", call("aten::relu", x, "", 5, "return h.relu()"));
  EXPECT_NE(text().find("  relu = relu(x);\n  tanh = tanh(relu);\n"), std::string::npos) << text();
}

TEST_F(ReadableTest, ALoopNumbersTheValuesOfItsVariable) {
  TapeValue x = hand_.input("x", kF32, {2});
  for (int i = 0; i < 2; ++i) x = call("aten::tanh", x, "", 3, "state = state.tanh()");
  x = call("aten::relu", x, "", 4, "last = state.relu()");
  for (int i = 0; i < 1; ++i) x = call("aten::tanh", x, "", 3, "state = state.tanh()");
  hand_.output("y", call("aten::relu", x, "", 5, "return state.relu()"));
  EXPECT_NE(text().find("  state = tanh(tanh);\n  last = relu(state);\n  state_1 = tanh(last);\n"), std::string::npos)
      << text();
}

TEST_F(ReadableTest, AModuleNamesItsResult) {
  TapeValue x = hand_.input("x", kF32, {2});
  x = call("aten::relu", x, "body.act", 3, "x = F.relu(x)");
  x = call("aten::tanh", x, "body.2", 4, "return x.tanh()");  // a place in a list is no name
  x = call("aten::tanh", x, "body", 5, "return x.tanh()");    // has modules of its own
  hand_.output("y", call("aten::relu", x, "", 6, "return x.relu()"));
  EXPECT_NE(text().find("  act = relu(x);\n  tanh = tanh(act);\n  tanh_1 = tanh(tanh);\n"), std::string::npos)
      << text();
}

TEST_F(ReadableTest, NamesThatAreTakenGetANumber) {
  TapeValue x = hand_.input("x", kF32, {2});
  TapeValue first = call("aten::relu", x, "", 3, "x = x.relu()");
  TapeValue second = call("aten::tanh", first, "", 4, "y = x.tanh()");
  TapeValue third = call("aten::tanh", second, "", 5, "graph = y.tanh()");
  hand_.output("y", call("aten::relu", third, "", 6, "return graph.relu()"));
  EXPECT_NE(text().find("  relu = relu(x);\n  y_1 = tanh(relu);\n"), std::string::npos) << text();
  EXPECT_EQ(text().find("  graph = "), std::string::npos) << "a keyword: " << text();
}

TEST_F(ReadableTest, AHeadingStandsAboveEachModuleAndItsWeights) {
  TapeValue x = hand_.input("x", kF32, {2});
  x = plus_weight(x, "body.a", 3);
  x = call("aten::relu", x, "body", 4, "x = self.a(x).relu()");
  x = plus_weight(x, "body.b", 3);
  hand_.output("y", call("aten::tanh", x, "", 9, "return self.body(x).tanh()"));
  EXPECT_EQ(text(true),
            "  x = tract_core_external(shape = [2], datum_type = \"f32\");\n"
            "\n"
            "  # body (Part)\n"
            "  body_a_weight = variable(shape = [2], label = \"body.a.weight\");\n"
            "  body_b_weight = variable(shape = [2], label = \"body.b.weight\");\n"
            "  # model.py:3 in forward: return x + self.weight\n"
            "  a = add(x, body_a_weight);\n"
            "  # model.py:4 in forward: x = self.a(x).relu()\n"
            "  relu = relu(a);\n"
            "  # model.py:3 in forward: return x + self.weight\n"
            "  b = add(relu, body_b_weight);\n"
            "\n"
            "  # Net\n"
            "  # model.py:9 in forward: return self.body(x).tanh()\n"
            "  y = tanh(b);\n"
            "}\n");
}

}  // namespace
}  // namespace torch2nnef
