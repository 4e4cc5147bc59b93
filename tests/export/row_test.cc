// Rows: what a row file may say, how a call binds to a row, and the operations that come out.
#include "export/lower/rows/row.h"

#include <gtest/gtest.h>

#include "export/lower/lower.h"
#include "hand_tape.h"
#include "nnef/io.h"
#include "nnef/text/syntax.h"

namespace torch2nnef {
namespace {

using torch2nnef_test::HandArgument;
using torch2nnef_test::HandTape;

constexpr ScalarType kF16 = ScalarType::kFloat16;
constexpr ScalarType kF32 = ScalarType::kFloat32;
constexpr ScalarType kF64 = ScalarType::kFloat64;
constexpr ScalarType kI64 = ScalarType::kInt64;
constexpr ScalarType kBool = ScalarType::kBool;

std::string with_header(const std::string& rows) { return "extension torch2nnef_rows 1;\n" + rows; }

// The message of the RowError that a file ends with.
std::string error_of(const std::string& text) {
  Registry registry;
  try {
    register_rows(registry, text, "mine.nnef");
  } catch (const RowError& error) {
    return error.what();
  }
  return "";
}

TEST(RowFile, SaysWhereItIsWrong) {
  EXPECT_EQ(error_of("fragment aten__f(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = exp(self); }\n"),
            "mine.nnef:1: a row file begins with `extension torch2nnef_rows 1;`");
  EXPECT_EQ(error_of(with_header("fragment aten__f(self: tensor<scalar>) -> (y: tensor<scalar>);\n")),
            "mine.nnef:2: aten__f has no body");
  EXPECT_EQ(
      error_of(with_header("fragment nothing(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = exp(self); }\n")),
      "mine.nnef:2: nothing is not named after an operator");
  EXPECT_EQ(error_of(with_header("fragment relu(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = exp(self); }\n")),
            "mine.nnef:2: relu is an operator of the dialect");
  EXPECT_EQ(
      error_of(with_header("fragment aten__f(self: tensor<scalar>) -> (y: tensor<scalar>)\n{\n  y = bosh(self);\n}\n")),
      "mine.nnef:4: bosh is neither an operator of the dialect nor a row");
}

TEST(RowFile, NamesBecomeOperators) {
  Registry registry;
  std::string signature = "(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = exp(self); }\n";
  register_rows(
      registry,
      with_header("fragment aten__a" + signature + "fragment aten___b" + signature + "fragment aten__c__Tensor" +
                  signature + "fragment aten____and____Scalar" + signature + "fragment row__helper" + signature),
      "mine.nnef");
  std::vector<std::string> names;
  for (const Lowering* lowering : registry.all()) names.push_back(lowering->name);
  EXPECT_EQ(names, (std::vector<std::string>{"aten::__and__.Scalar", "aten::_b", "aten::a", "aten::c.Tensor"}));
}

TEST(RowFile, TheBuiltInRowsLoad) {
  std::size_t rows = 0;
  for (const Lowering* lowering : builtin_registry().all()) rows += lowering->kind == Lowering::Kind::kRow ? 1 : 0;
  EXPECT_GT(rows, 300u);
}

class RowTest : public testing::Test {
 protected:
  void rows(const std::string& text) { register_rows(registry_, with_header(text), "mine.nnef"); }

  // Lowers the tape with the test's own rows first. The reasons for which calls failed, joined.
  std::string lower() {
    Diagnostics diagnostics;
    Tables tables(builtin_registry());
    tables.add(std::make_shared<Registry>(registry_));
    graph_ = {};
    lower_tape(hand_.tape, graph_, dialect_, tables, {}, diagnostics);
    std::string reasons;
    for (const Diagnostic& one : diagnostics.list()) reasons += one.text + ";";
    return reasons;
  }

  // The statements after the inputs, one a line.
  std::string body() const {
    std::string text = nnef::write_text(graph_, dialect_), lines;
    for (std::size_t at = text.find('{') + 2; at < text.size();) {
      std::size_t end = text.find('\n', at);
      std::string line = text.substr(at, end - at);
      if (line.find("external") == std::string::npos && line != "}" && !line.empty()) lines += line.substr(2) + "\n";
      at = end == std::string::npos ? text.size() : end + 1;
    }
    return lines;
  }

  // One call of `op` whose result is the output y.
  void call(const std::string& op, std::vector<HandArgument> arguments, ScalarType type, nnef::Shape shape) {
    hand_.output("y", hand_.call(op, std::move(arguments), type, std::move(shape)));
  }

  Registry registry_;
  HandTape hand_;
  nnef::Graph graph_;
  nnef::Dialect dialect_{nnef::Target{}};
};

TEST_F(RowTest, NumbersBesideTensorsDoNotPromoteThem) {
  TapeValue x = hand_.input("x", kF16, {2});
  call("aten::mul.Scalar", {{"self", {x}}, {"other", {0.5}}}, kF16, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "y = mul(x, 0.5);\n");
}

TEST_F(RowTest, AFractionMakesIntegersFloat) {
  TapeValue x = hand_.input("x", kI64, {2});
  call("aten::mul.Scalar", {{"self", {x}}, {"other", {0.5}}}, kF32, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "mul = tract_core_cast(x, to = \"f32\");\ny = mul(mul, 0.5);\n");
}

TEST_F(RowTest, ARankZeroTensorPromotesLess) {
  TapeValue x = hand_.input("x", kF32, {2});
  TapeValue z = hand_.input("z", kF64, {});
  call("aten::add.Tensor", {{"self", {x}}, {"other", {z}}, {"alpha", {nnef::Dim(1)}, true}}, kF32, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "add = tract_core_cast(z, to = \"f32\");\ny = add(x, add);\n");
}

TEST_F(RowTest, ConstantsOfRankZeroBecomeLiterals) {
  TapeValue x = hand_.input("x", kF32, {2});
  TapeValue c = hand_.constant(kI64, {}, {3});
  call("aten::mul.Tensor", {{"self", {x}}, {"other", {c}}}, kF32, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "y = mul(x, 3.0);\n");
  EXPECT_TRUE(graph_.variables.empty());
}

TEST_F(RowTest, ASymbolicNumberBecomesACast) {
  hand_.tape.symbols = {{"S", {}, {}}};
  const nnef::Dim s = nnef::Dim::symbol("S");
  TapeValue x = hand_.input("x", kF32, {s});
  TapeValue z = hand_.input("z", kF32, {s});
  call("aten::add.Tensor", {{"self", {x}}, {"other", {z}}, {"alpha", {s * nnef::Dim(2)}}}, kF32, {s});
  EXPECT_EQ(lower(), "");
  EXPECT_NE(body().find("tract_core_cast(2*S, to = \"f32\")"), std::string::npos) << body();
}

TEST_F(RowTest, LogicalArithmeticIsThatOfBits) {
  TapeValue x = hand_.input("x", kBool, {2});
  TapeValue z = hand_.input("z", kBool, {2});
  call("aten::add.Tensor", {{"self", {x}}, {"other", {z}}, {"alpha", {nnef::Dim(1)}, true}}, kBool, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "y = or(x, z);\n");
}

TEST_F(RowTest, RanksAreAlignedOnTheRight) {
  TapeValue x = hand_.input("x", kF32, {2, 3});
  TapeValue z = hand_.input("z", kF32, {3});
  call("aten::mul.Tensor", {{"self", {x}}, {"other", {z}}}, kF32, {2, 3});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "mul = unsqueeze(z, axes = [0]);\ny = mul(x, mul);\n");
}

constexpr const char* kScaled =
    "fragment my__scaled(self: tensor<scalar>, factor: scalar = 2.0) -> (y: tensor<scalar>)\n{ y = self * factor; }\n";

TEST_F(RowTest, NoneTakesTheDefaultOfTheRow) {
  rows(kScaled);
  TapeValue x = hand_.input("x", kF32, {2});
  call("my::scaled", {{"self", {x}}, {"factor", {}}}, kF32, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "y = mul(x, 2.0);\n");
}

TEST_F(RowTest, AnArgumentThatTheRowDoesNotNameMustBeDefault) {
  rows(kScaled);
  TapeValue x = hand_.input("x", kF32, {2});
  call("my::scaled", {{"self", {x}}, {"factor", {3.0}}, {"mode", {std::string("slow")}, false}}, kF32, {2});
  EXPECT_EQ(lower(), "argument 'mode' is not supported here;");
  hand_.tape.calls[0].is_default[2].second = true;
  EXPECT_EQ(lower(), "");
}

TEST_F(RowTest, TheFirstRowThatAppliesWins) {
  rows(
      "fragment my__f(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = exp(self); }\n"
      "fragment my__f(self: tensor<scalar>, mode: string) -> (y: tensor<scalar>)\n"
      "{ y = log(self) if mode == 'slow' else does_not_apply('a fast one is not known'); }\n");
  TapeValue x = hand_.input("x", kF32, {2});
  call("my::f", {{"self", {x}}, {"mode", {std::string("slow")}, false}}, kF32, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "y = log(x);\n");
}

TEST_F(RowTest, ExpressionsAreWorkedOutAtExport) {
  rows(
      "fragment my__f<?>(self: tensor<?>, dims: integer[]) -> (y: tensor<?>)\n"
      "{\n"
      "  kept = [for i in range_of(shape_of(self)), d in shape_of(self) if d > 2 yield i];\n"
      "  sizes = shape_of(self)[1:];\n"
      "  y = sum_reduce(self, axes = kept) * (length_of(sizes) + sizes[0] + dims[0])\n"
      "      if rank_of(self) == 3 && dtype_of(self) == 'f32' else undefined_name;\n"
      "}\n");
  TapeValue x = hand_.input("x", kF32, {2, 3, 4});
  call("my::f", {{"self", {x}}, {"dims", {TapeList{{nnef::Dim(-1)}}}}}, kF32, {2, 1, 1});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(), "f = sum_reduce(x, axes = [1, 2]);\ny = mul(f, 7.0);\n");  // 2 + 3 + 2, the axis made non-negative
}

TEST_F(RowTest, HalvesComputeInSinglePrecisionWhereTorchDoes) {
  TapeValue x = hand_.input("x", kF16, {2});
  call("aten::exp", {{"self", {x}}}, kF16, {2});
  EXPECT_EQ(lower(), "");
  EXPECT_EQ(body(),
            "exp = tract_core_cast(x, to = \"f32\");\nexp_1 = exp(exp);\ny = tract_core_cast(exp_1, to = \"f16\");\n");
}

TEST_F(RowTest, ARowThatCallsItselfWithoutEndIsADefect) {
  rows("fragment my__f(self: tensor<scalar>) -> (y: tensor<scalar>)\n{ y = my__f(self); }\n");
  TapeValue x = hand_.input("x", kF32, {2});
  call("my::f", {{"self", {x}}}, kF32, {2});
  EXPECT_NE(lower().find("calls itself without end"), std::string::npos);
}

TEST_F(RowTest, ClassesAndLossesFlattenToOneStatementAStep) {
  TapeValue x = hand_.input("x", kF32, {4, 5});
  TapeValue t = hand_.input("t", kI64, {4});
  call("aten::nll_loss",
       {{"self", {x}},
        {"target", {t}},
        {"weight", {}, true},
        {"reduction", {nnef::Dim(2)}},
        {"ignore_index", {nnef::Dim(-100)}, true}},
       kF32, {});
  EXPECT_EQ(lower(), "");
  EXPECT_NE(body().find("gather_elements"), std::string::npos) << body();
}

}  // namespace
}  // namespace torch2nnef
