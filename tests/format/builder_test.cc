#include "nnef/builder/builder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "nnef/dialect/validate.h"
#include "sample_graph.h"

namespace nnef {
namespace {

const Dim S = Dim::symbol("S");

class BuilderTest : public testing::Test {
 protected:
  BuilderTest() { graph.symbols = {"S", "T"}; }

  Value input(const std::string& name, Shape shape, DType dtype = DType::kF32) {
    return b.external(name, dtype, std::move(shape));
  }
  void expect(Value value, DType dtype, const Shape& shape) {
    EXPECT_EQ(b.dtype(value), dtype);
    EXPECT_EQ(to_string(b.shape(value)), to_string(shape));
  }
  std::size_t count() const { return graph.operations.size(); }
  const std::string& name(Value value) const { return graph.info(value).name; }

  Graph graph;
  const Dialect dialect = tract_dialect();
  Builder b{graph, dialect};
};

TEST_F(BuilderTest, ConvenienceOperationsKnowSymbolicShapes) {
  const Value x = input("x", {S, 4});
  expect(b.reshape(x, {S * 4}), DType::kF32, {S * 4});
  expect(b.reshape(x, {2, S * 2}), DType::kF32, {2, S * 2});
  expect(b.transpose(x, {1, 0}), DType::kF32, {4, S});
  expect(b.unsqueeze(x, {3, 0}), DType::kF32, {1, S, 4, 1});
  expect(b.squeeze(b.unsqueeze(x, {1}), {1}), DType::kF32, {S, 4});
  expect(b.slice(x, 0, 1, S - 1), DType::kF32, {S - 2, 4});
  expect(b.slice(x, 0, 0, S, 2), DType::kF32, {floor_div(S + 1, 2), 4});
  expect(b.slice(x, 0, 0, min(S, 3)), DType::kF32, {min(S, 3), 4});
  expect(b.concat({x, x, x}, 0), DType::kF32, {S * 3, 4});
  expect(b.tile(x, {2, S}), DType::kF32, {S * 2, S * 4});
  expect(b.broadcast_to(b.slice(x, 1, 0, 1), {3, S, 5}), DType::kF32, {3, S, 5});
  expect(b.align_rank(x, 4), DType::kF32, {1, 1, S, 4});
  expect(b.cast(x, DType::kI64), DType::kI64, {S, 4});
  expect(b.reduce("sum_reduce", x, {1, 0}, false), DType::kF32, {});
  expect(b.reduce("argmax_reduce", x, {1}, true), DType::kI64, {S, 1});
  expect(b.binary("lt", x, 0.5), DType::kBool, {S, 4});
  expect(b.binary("add", x, S), DType::kF32, {S, 4});
  expect(b.select(b.binary("lt", x, 0.5), 1, 2), DType::kI64, {S, 4});
  EXPECT_TRUE((b.finish(), validate(graph, dialect).empty()) || graph.outputs.empty());
}

TEST_F(BuilderTest, WhatChangesNothingAddsNothing) {
  const Value x = input("x", {S, 1, 4});
  const std::size_t before = count();
  EXPECT_EQ(b.reshape(x, {S, 1, 4}), x);
  EXPECT_EQ(b.transpose(x, {0, 1, 2}), x);
  EXPECT_EQ(b.squeeze(x, {}), x);
  EXPECT_EQ(b.slice(x, 0, 0, S), x);
  EXPECT_EQ(b.concat({x}, 2), x);
  EXPECT_EQ(b.tile(x, {1, 1, 1}), x);
  EXPECT_EQ(b.broadcast_to(x, {S, 1, 4}), x);
  EXPECT_EQ(b.align_rank(x, 3), x);
  EXPECT_EQ(b.cast(x, DType::kF32), x);
  EXPECT_EQ(b.reduce("sum_reduce", x, {}, false), x);
  EXPECT_EQ(count(), before);
  EXPECT_NE(b.identity(x), b.identity(x));
}

TEST_F(BuilderTest, EqualOperationsAreShared) {
  const Value x = input("x", {2});
  EXPECT_EQ(b.unary("exp", x), b.unary("exp", x));
  EXPECT_EQ(*b.literal(std::int64_t{3}, DType::kI64).value(), *b.literal(3.0, DType::kI64).value());
  EXPECT_NE(b.binary("mul", x, 0.0), b.binary("mul", x, -0.0));
  EXPECT_NE(b.binary("mul", x, 1.0), b.binary("mul", x, 2.0));
  const auto draw = [&] {
    return b.add("tract_onnx_random", {},
                 {{"datum_type", "f32"},
                  {"shape", std::vector<Dim>{2}},
                  {"dist", "uniform"},
                  {"parameters", Argument::Array{{0.0, 1.0}, false}}});
  };
  EXPECT_NE(draw(), draw());
}

TEST_F(BuilderTest, RefusesWhatTheEngineMisreads) {
  const Value x = input("x", {2, 3});
  const Value n = input("n", {2, 3}, DType::kI64);
  const Value c = input("c", {2, 3}, DType::kBool);
  const Value h = input("h", {2, 3}, DType::kF16);
  const Value s = input("s", {S, 3});
  using Axes = std::vector<std::int64_t>;
  const std::pair<const char*, std::function<void()>> kCases[] = {
      {"negative axis",
       [&] {
         b.add("softmax", {x}, {{"axes", Axes{-1}}});
       }},
      {"axis beyond the rank",
       [&] {
         b.add("softmax", {x}, {{"axes", Axes{2}}});
       }},
      {"unsorted axes",
       [&] {
         b.add("sum_reduce", {x}, {{"axes", Axes{1, 0}}});
       }},
      {"axis twice",
       [&] {
         b.reduce("sum_reduce", x, {1, 1}, true);
       }},
      {"mixed types", [&] { b.binary("add", x, n); }},
      {"half and single", [&] { b.binary("add", x, h); }},
      {"integer literal",
       [&] {
         b.add("add", {n, 2});
       }},
      {"float literal beside integers",
       [&] {
         b.add("mul", {n, 0.5});
       }},
      {"fraction as integer", [&] { b.binary("mul", n, 0.5); }},
      {"ranks that differ",
       [&] {
         b.add("add", {x, b.reshape(b.slice(x, 0, 0, 1), {3})});
       }},
      {"shapes that do not broadcast", [&] { b.binary("add", x, b.slice(x, 1, 0, 2)); }},
      {"symbol against number", [&] { b.binary("add", x, s); }},
      {"shape of another volume", [&] { b.reshape(x, {4}); }},
      {"symbolic shape of another volume", [&] { b.reshape(s, {S * 4}); }},
      {"deduced extent", [&] { b.reshape(x, {-1}); }},
      {"extent copied by a 0",
       [&] {
         b.reshape(x, {0, 3});
       }},
      {"slice beyond the end", [&] { b.slice(x, 0, 0, 3); }},
      {"negative bound", [&] { b.slice(x, 0, -1, 2); }},
      {"bounds the wrong way", [&] { b.slice(x, 0, 2, 1); }},
      {"negative stride", [&] { b.slice(x, 0, 0, 2, -2); }},
      {"squeeze of more than 1", [&] { b.squeeze(x, {0}); }},
      {"no permutation",
       [&] {
         b.transpose(x, {0, 0});
       }},
      {"concat of types",
       [&] {
         b.concat({x, h}, 0);
       }},
      {"narrowing broadcast", [&] { b.broadcast_to(x, {3}); }},
      {"sigmoid of f64", [&] { b.unary("sigmoid", b.cast(x, DType::kF64)); }},
      {"exp of integers", [&] { b.unary("exp", n); }},
      {"product of i64",
       [&] {
         b.add("matmul", {n, n}, {{"transposeB", true}});
       }},
      {"comparison of logicals",
       [&] {
         b.add("eq", {c, c});
       }},
      {"logic of integers", [&] { b.binary("and", n, n); }},
      {"number as condition", [&] { b.select(n, x, x); }},
      {"division of sizes",
       [&] {
         b.reshape(s, {floor_div(S * 3, S + 1), S + 1});
       }},
      {"no such operator", [&] { b.unary("no_such", x); }},
      {"no such parameter",
       [&] {
         b.add("exp", {x}, {{"y", 1}});
       }},
      {"missing argument",
       [&] {
         b.add("concat", {Argument(std::vector<Value>{x, x})});
       }},
      {"too many tensors",
       [&] {
         b.add("exp", {x, x});
       }},
      {"argument twice",
       [&] {
         b.add("concat", {Argument(std::vector<Value>{x, x})}, {{"axis", 0}, {"axis", 1}});
       }},
      {"several results",
       [&] {
         b.add("unstack", {x}, {{"axis", 0}});
       }},
      {"two literals", [&] { b.binary("add", 1.0, 2.0); }},
      {"implicit padding",
       [&] {
         b.add("max_pool", {b.unsqueeze(x, {0, 1})}, {{"size", Axes{1, 1, 2, 2}}});
       }},
  };
  for (const auto& [what, action] : kCases) EXPECT_THROW(action(), BuildError) << what;
}

TEST_F(BuilderTest, BroadcastsNumbersAndSymbols) {
  EXPECT_EQ(broadcast({2, 1, S}, {3, 1}), (Shape{2, 3, S}));
  EXPECT_EQ(broadcast({S}, {S}), (Shape{S}));
  EXPECT_EQ(broadcast({}, {4}), (Shape{4}));
  EXPECT_THROW(broadcast({S}, {3}), BuildError);
  EXPECT_THROW(broadcast({S}, {S + 1}), BuildError);
}

TEST_F(BuilderTest, LiteralsTakeTheFormThatTheEngineReadsRight) {
  EXPECT_TRUE(std::holds_alternative<double>(b.literal(0.5, DType::kF32).is));
  EXPECT_TRUE(std::holds_alternative<double>(b.literal(std::int64_t{2}, DType::kF16).is));
  EXPECT_NE(b.literal(0.1, DType::kF64).value(), nullptr);
  EXPECT_NE(b.literal(1e39, DType::kF64).value(), nullptr);
  EXPECT_NE(b.literal(std::nan(""), DType::kF32).value(), nullptr);
  EXPECT_NE(b.literal(std::int64_t{2}, DType::kI64).value(), nullptr);
  EXPECT_THROW(b.literal(0.5, DType::kI64), BuildError);
  EXPECT_THROW(b.literal(1e39, DType::kF32), BuildError);
  EXPECT_THROW(b.literal(std::int64_t{300}, DType::kU8), BuildError);
  EXPECT_THROW(b.literal(std::int64_t{2}, DType::kBool), BuildError);
}

TEST_F(BuilderTest, NamesFollowTheScheme) {
  const Value x = input("x", {2});
  b.set_scope("layer1.0", "conv1", "model.py:3");
  EXPECT_EQ(name(b.unary("exp", x)), "conv1");
  EXPECT_EQ(name(b.unary("sin", x)), "conv1_1");
  EXPECT_EQ(graph.operations.back().comment, "model.py:3");
  b.set_scope("", "S", "");
  EXPECT_EQ(name(b.unary("cos", x)), "S_1");  // S is a symbol
  b.set_scope("", "inf", "");
  EXPECT_EQ(name(b.unary("tan", x)), "v_inf");
  Graph verbose, numeric;
  Builder v(verbose, dialect, Naming::kNaturalVerbose), n(numeric, dialect, Naming::kNumeric);
  v.set_scope("layer1.0", "conv1", "");
  EXPECT_EQ(verbose.info(v.unary("exp", v.external("x", DType::kF32, {2}))).name, "layer1_0_conv1");
  EXPECT_EQ(numeric.info(n.unary("exp", n.external("x", DType::kF32, {2}))).name, "v0");
}

TEST_F(BuilderTest, VariablesHaveUniquePortableLabels) {
  const Value a = b.variable("block.weight", ramp(DType::kF32, {2}, 1));
  EXPECT_EQ(b.variable("block.weight", ramp(DType::kF32, {2}, 1)), a);
  EXPECT_NE(b.variable("block.weight", ramp(DType::kF32, {2}, 2)), a);
  b.variable("Block.Weight", ramp(DType::kF32, {2}, 3));
  b.variable("../../etc:passwd", ramp(DType::kF32, {2}, 4));
  std::vector<std::string> labels;
  for (const auto& [label, data] : graph.variables) labels.push_back(label);
  EXPECT_EQ(labels, (std::vector<std::string>{"Block.Weight_2", "__/__/etc_passwd", "block.weight", "block.weight_1"}));
}

TEST_F(BuilderTest, OutputsGetTheirNamesAndWiresOfTheirOwn) {
  const Value x = input("x", {2});
  const Value w = b.variable("w", ramp(DType::kF32, {2}));
  const Value y = b.unary("exp", x);
  EXPECT_EQ(b.name_output(y, "result"), y);
  EXPECT_NE(b.name_output(y, "again"), y);
  EXPECT_NE(b.name_output(x, "same"), x);
  EXPECT_NE(b.name_output(w, "weight"), w);
  const Value z = b.unary("sin", x);  // is called sin, which the next output wants
  EXPECT_EQ(name(z), "sin");
  b.name_output(b.unary("cos", x), "sin");
  EXPECT_EQ(name(z), "sin_1");
  EXPECT_THROW(b.name_output(z, "sin"), BuildError);
  EXPECT_THROW(b.name_output(z, "x"), BuildError);
  EXPECT_THROW(b.name_output(z, "S"), BuildError);
  EXPECT_THROW(b.name_output(z, "1st"), BuildError);
  EXPECT_THROW(b.external("x", DType::kF32, {1}), BuildError);
  b.finish();
  EXPECT_EQ(graph.registries, std::vector<std::string>{"tract_core"});
  EXPECT_EQ(validate(graph, dialect), std::vector<std::string>{});
}

TEST_F(BuilderTest, TargetsLimitTheOperators) {
  Graph old_graph, plain_graph;
  const Dialect old(*Target::parse("tract@0.21.19")), plain(*Target::parse("khronos"));
  Builder o(old_graph, old), k(plain_graph, plain);
  const Value x = o.external("x", DType::kF32, {2, 3});
  EXPECT_THROW(o.add("tract_core_cumsum", {x}, {{"axis", 1}}), TargetError);
  const Value y = k.external("y", DType::kF32, {2, 3});
  EXPECT_THROW(k.add("tract_core_cast", {y}, {{"to", "f32"}}), TargetError);
  k.name_output(k.broadcast_to(k.slice(y, 0, 0, 1), {4, 3}), "z");
  k.name_output(y, "copied");
  k.finish();
  EXPECT_TRUE(plain_graph.registries.empty());
  EXPECT_EQ(validate(plain_graph, plain), std::vector<std::string>{});
}

TEST(Identifiers, AreWhatEveryReaderTakes) {
  for (const char* good : {"x", "_", "a1_B", "v_inf"}) EXPECT_TRUE(is_identifier(good)) << good;
  for (const char* bad : {"", "1a", "a.b", "a b", "graph", "infinity", "trueish", "nan", "false_", "scalar"}) {
    EXPECT_FALSE(is_identifier(bad)) << bad;
    EXPECT_TRUE(is_identifier(make_identifier(bad))) << bad;
  }
  EXPECT_EQ(make_identifier("layer1.0.conv"), "layer1_0_conv");
}

}  // namespace
}  // namespace nnef
