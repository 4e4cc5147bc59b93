// From Tapes made by hand to graphs: what is lowered, what is reported, and what is compared with the recording.
#include "export/lower/lower.h"

#include <gtest/gtest.h>

#include "hand_tape.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using torch2nnef_test::HandTape;

constexpr ScalarType kF32 = ScalarType::kFloat32;

class LowerTest : public testing::Test {
 protected:
  // Lowers the tape; the errors as "CODE operator: text (count)".
  std::vector<std::string> lower(const Registry& registry = builtin_registry()) {
    Diagnostics diagnostics;
    graph_ = {};
    lower_tape(hand_.tape, graph_, dialect_, Tables(registry), {}, diagnostics);
    std::vector<std::string> lines;
    for (const Diagnostic& one : diagnostics.list()) {
      lines.push_back(one.code + " " + one.op + ": " + one.text + " (" + std::to_string(one.count) + ")");
    }
    return lines;
  }

  std::string text() const { return nnef::write_text(graph_, dialect_); }

  TapeValue relu(TapeValue x, nnef::Shape shape) { return hand_.call("aten::relu", {{"self", {x}}}, kF32, shape); }

  HandTape hand_;
  nnef::Graph graph_;
  nnef::Dialect dialect_{nnef::Target{}};
};

TEST_F(LowerTest, ACallBecomesOperations) {
  TapeValue x = hand_.input("x", kF32, {2, 3});
  hand_.output("y", relu(x, {2, 3}));
  EXPECT_TRUE(lower().empty());
  EXPECT_NE(text().find("graph net(x) -> (y)"), std::string::npos) << text();
  EXPECT_NE(text().find("y = relu(x);"), std::string::npos) << text();
}

TEST_F(LowerTest, EverythingThatIsUnknownIsListedOnceWithItsCount) {
  TapeValue x = hand_.input("x", kF32, {2});
  for (int i = 0; i < 3; ++i)
    hand_.output("a" + std::to_string(i), hand_.call("aten::nothing", {{"self", {x}}}, kF32, {2}));
  hand_.output("b", hand_.call("aten::nowhere.out", {{"self", {x}}}, kF32, {2}));
  EXPECT_EQ(lower(),
            (std::vector<std::string>{"T2N-L001 aten::nothing: no lowering is known for this operator (3)",
                                      "T2N-L001 aten::nowhere.out: no lowering is known for this operator (1)"}));
}

TEST_F(LowerTest, WhatDependsOnAFailureIsOnlyLookedUp) {
  TapeValue x = hand_.input("x", kF32, {2});
  TapeValue lost = hand_.call("aten::nothing", {{"self", {x}}}, kF32, {2});
  TapeValue after = relu(lost, {2});                                               // known: no second complaint
  hand_.output("y", hand_.call("aten::nowhere", {{"self", {after}}}, kF32, {2}));  // unknown: said too
  EXPECT_EQ(lower().size(), 2u);
}

TEST_F(LowerTest, CallsWithoutAReaderAreSkipped) {
  TapeValue x = hand_.input("x", kF32, {2});
  hand_.tape.values[static_cast<std::size_t>(hand_.call("aten::nothing", {{"self", {x}}}, kF32, {2}).id)].wanted =
      false;
  hand_.output("y", relu(x, {2}));
  EXPECT_TRUE(lower().empty());
}

TEST_F(LowerTest, AnotherShapeThanRecordedIsOurDefect) {
  TapeValue x = hand_.input("x", kF32, {2, 3});
  hand_.output("y", relu(x, {3, 2}));
  EXPECT_EQ(lower(),
            std::vector<std::string>{"T2N-I001 aten::relu: the lowering gives f32[2,3], torch gave float32[3,2] (1)"});
}

TEST_F(LowerTest, ShapesAreComparedAtManySizes) {
  hand_.tape.symbols = {{"S", 2, 64}};
  hand_.tape.worlds = {{{"S", 8}}};
  const nnef::Dim s = nnef::Dim::symbol("S");
  TapeValue x = hand_.input("x", kF32, {s});
  hand_.output("y", relu(x, {nnef::max(s, 2)}));  // another expression, the same number within the bounds
  EXPECT_TRUE(lower().empty());
  hand_.tape.values.back().shape = {nnef::max(s, 9)};
  EXPECT_EQ(lower().size(), 1u);
}

TEST_F(LowerTest, TypesThatTheFormatLacksAreNamed) {
  TapeValue x = hand_.input("x", kF32, {2});
  hand_.input("z", ScalarType::kQInt8, {2});
  hand_.input("c", ScalarType::kComplex64, {2});
  hand_.output("y", relu(x, {2}));
  std::vector<std::string> lines = lower();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("T2N-L006 : input z is qint8"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("T2N-L006 : input c is complex64"), std::string::npos) << lines[1];
}

constexpr ScalarType kC64 = ScalarType::kComplex64;

TEST_F(LowerTest, AComplexValueIsTwoRealOnesOfItsShape) {
  TapeValue x = hand_.input("x", kF32, {2, 3, 2});
  TapeValue z = hand_.call("aten::view_as_complex", {{"self", {x}}}, kC64, {2, 3});
  TapeValue y = hand_.call("aten::t", {{"self", {z}}}, kC64, {3, 2});
  hand_.output("re", hand_.call("aten::real", {{"self", {y}}}, kF32, {3, 2}));
  hand_.output("both", hand_.call("aten::view_as_real", {{"self", {y}}}, kF32, {3, 2, 2}));
  EXPECT_EQ(lower(), std::vector<std::string>{});
}

TEST_F(LowerTest, TheShapeOfAComplexResultIsComparedToo) {
  TapeValue x = hand_.input("x", kF32, {2, 3, 2});
  TapeValue z = hand_.call("aten::view_as_complex", {{"self", {x}}}, kC64, {2, 4});
  hand_.output("y", hand_.call("aten::real", {{"self", {z}}}, kF32, {2, 4}));
  EXPECT_EQ(lower(), std::vector<std::string>{
                         "T2N-I001 aten::view_as_complex: the lowering gives f32[2,3], torch gave complex64[2,4] (1)"});
}

TEST_F(LowerTest, WhatDoesNotKnowComplexTensorsNeverSeesOne) {
  TapeValue x = hand_.input("x", kF32, {3, 2});
  TapeValue z = hand_.call("aten::view_as_complex", {{"self", {x}}}, kC64, {3});
  hand_.output("y", hand_.call("aten::relu", {{"self", {z}}}, kC64, {3}));
  EXPECT_EQ(lower(), std::vector<std::string>{"T2N-L002 aten::relu: complex tensors are not supported here (1)"});
}

TEST_F(LowerTest, InputsAndOutputsAreReal) {
  hand_.input("z", kC64, {3});
  TapeValue x = hand_.input("x", kF32, {3, 2});
  hand_.output("y", hand_.call("aten::view_as_complex", {{"self", {x}}}, kC64, {3}));
  EXPECT_EQ(lower().size(), 1u);  // the input is said first, and an output only of a graph that is finished
  hand_.tape.inputs.erase(hand_.tape.inputs.begin());
  EXPECT_EQ(lower(), std::vector<std::string>{"T2N-L003 : output y is complex64, which the format cannot hold (1)"});
}

TEST_F(LowerTest, ATargetThatLacksAnOperatorIsNamed) {
  dialect_ = nnef::Dialect(*nnef::Target::parse("khronos"));
  TapeValue x = hand_.input("x", kF32, {2});
  hand_.output("y", hand_.call("aten::erf", {{"self", {x}}}, kF32, {2}));
  std::vector<std::string> lines = lower();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("T2N-L004 aten::erf: "), std::string::npos) << lines[0];
}

TEST_F(LowerTest, AnOlderTargetTakesTheNextCandidate) {
  dialect_ = nnef::Dialect(*nnef::Target::parse("tract@0.22.4"));
  TapeValue x = hand_.input("x", kF32, {2});
  hand_.output("y", hand_.call("aten::silu", {{"self", {x}}}, kF32, {2}));
  EXPECT_TRUE(lower().empty());
  EXPECT_NE(text().find("sigmoid(x)"), std::string::npos) << text();
}

TEST_F(LowerTest, InputsAndSharedValuesAsOutputsGetTheirOwnNames) {
  TapeValue x = hand_.input("x", kF32, {2});
  TapeValue y = relu(x, {2});
  hand_.output("same", x);
  hand_.output("one", y);
  hand_.output("two", y);
  EXPECT_TRUE(lower().empty());
  EXPECT_NE(text().find("-> (same, one, two)"), std::string::npos) << text();
}

TEST_F(LowerTest, TablesOfTheUserComeFirst) {
  Registry mine;
  mine.add("aten::relu", [](Call& call) { call.result(call.builder().unary("exp", call.tensor("self"))); });
  TapeValue x = hand_.input("x", kF32, {2});
  hand_.output("y", relu(x, {2}));
  Diagnostics diagnostics;
  Tables tables(builtin_registry());
  tables.add(std::make_shared<Registry>(mine));
  lower_tape(hand_.tape, graph_, dialect_, tables, {}, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  EXPECT_NE(text().find("y = exp(x);"), std::string::npos) << text();
}

}  // namespace
}  // namespace torch2nnef
