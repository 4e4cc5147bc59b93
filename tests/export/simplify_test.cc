#include "export/simplify/simplify.h"

#include <gtest/gtest.h>

#include <cstring>

#include "nnef/builder/builder.h"
#include "statements.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::DType;
using nnef::Value;

nnef::TensorDataPtr floats(std::vector<std::int64_t> shape, const std::vector<float>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(float));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, std::move(shape), std::move(bytes));
}

class Simplify : public testing::Test {
 protected:
  Value input(const char* name, nnef::Shape shape, DType dtype = DType::kF32) {
    return b.external(name, dtype, std::move(shape));
  }

  // The statements after simplification, one a line, without the inputs.
  std::string simplified() {
    simplify(graph);
    b.finish();
    return statements(graph, dialect, {"external"});
  }

  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Builder b{graph, dialect};
};

TEST_F(Simplify, RemovesWhatNoOutputNeeds) {
  const Value x = input("x", {2, 3});
  const Value unused = input("unused", {2});
  b.unary("exp", unused);
  b.variable("dead", floats({2}, {1, 2}));
  b.add_multi("tract_core_topk", {x}, {{"k", 1}, {"axis", 1}, {"largest", true}});
  const Value w = b.variable("w", floats({1, 3}, {1, 2, 3}));
  b.name_output(b.binary("add", x, w), "y");
  EXPECT_EQ(simplified(), "w = variable(shape = [1, 3], label = \"w\");\ny = add(x, w);\n");
  EXPECT_EQ(graph.variables.size(), 1u);
  EXPECT_EQ(graph.inputs.size(), 2u);
}

TEST_F(Simplify, KeepsOperationsOfWhichOneResultIsNeeded) {
  const Value x = input("x", {2, 3});
  b.name_output(b.add_multi("tract_core_topk", {x}, {{"k", 1}, {"axis", 1}, {"largest", true}})[1], "y");
  EXPECT_EQ(simplified(), "tract_core_topk, y = tract_core_topk(x, 1, axis = 1, largest = true);\n");
}

TEST_F(Simplify, FoldsTransposes) {
  const Value x = input("x", {2, 3, 4});
  const Value t = b.transpose(x, {1, 2, 0});
  b.name_output(b.unary("exp", b.transpose(t, {2, 0, 1})), "inverse");
  b.name_output(b.transpose(t, {0, 2, 1}), "merged");
  EXPECT_EQ(simplified(), "inverse = exp(x);\nmerged = transpose(x, axes = [1, 0, 2]);\n");
}

TEST_F(Simplify, FoldsReshapes) {
  graph.symbols = {"S"};
  const Dim s = Dim::symbol("S");
  const Value x = input("x", {s, 4});
  const Value flat = b.reshape(x, {s * 4});
  b.name_output(b.reshape(flat, {s, 2, 2}), "merged");
  b.name_output(b.unary("exp", b.reshape(flat, {s, 4})), "inverse");
  b.name_output(b.reshape(b.unsqueeze(x, {0}), {s * 4}), "through_unsqueeze");
  b.name_output(b.unary("exp", b.squeeze(b.unsqueeze(x, {0, 2}), {0, 2})), "unsqueezed");
  EXPECT_EQ(simplified(),
            "merged = reshape(x, shape = [2, 2], axis_start = 1, axis_count = 1);\ninverse = exp(x);\n"
            "through_unsqueeze = reshape(x, shape = [4*S]);\nunsqueezed = exp(x);\n");
}

TEST_F(Simplify, JoinsUnsqueezes) {
  const Value x = input("x", {2, 3});
  b.name_output(b.unsqueeze(b.unsqueeze(x, {0, 2}), {1, 5}), "y");
  EXPECT_EQ(simplified(), "y = unsqueeze(x, axes = [0, 1, 3, 5]);\n");
}

TEST_F(Simplify, MergesOperationsThatBecomeAlike) {
  const Value x = input("x", {2, 3}), y = input("y", {2, 3});
  const Value v = b.variable("v", floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  const Value w = b.variable("w", floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  const Value one = b.binary("add", x, v), other = b.binary("add", x, w);
  const Value left = b.unary("exp", one), right = b.unary("exp", other);
  b.name_output(b.binary("mul", left, right), "z");
  const Value sum = b.binary("add", y, v), difference = b.binary("sub", y, v);
  b.name_output(b.binary("mul", sum, difference), "kept");
  EXPECT_EQ(simplified(),
            "v = variable(shape = [2, 3], label = \"v\");\nadd = add(x, v);\nexp = exp(add);\nz = mul(exp, exp);\n"
            "add_2 = add(y, v);\nsub = sub(y, v);\nkept = mul(add_2, sub);\n");
}

TEST_F(Simplify, FoldsCastsThatLoseNothing) {
  const Value x = input("x", {2}, DType::kF16);
  const Value n = input("n", {2}, DType::kI64);
  b.name_output(b.unary("exp", b.cast(b.cast(x, DType::kF32), DType::kF16)), "back");
  b.name_output(b.unary("exp", b.cast(b.identity(x), DType::kF32)), "same");
  b.name_output(b.unary("neg", b.cast(b.cast(n, DType::kI32), DType::kI64)), "wrapped");
  b.name_output(b.unary("neg", b.cast(b.cast(n, DType::kF32), DType::kI64)), "rounded");
  const std::string text = simplified();
  EXPECT_NE(text.find("back = exp(x);\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("tract_core_cast = tract_core_cast(x, to = \"f32\");\n"), 0u) << text;
  EXPECT_NE(text.find("same = exp(tract_core_cast);\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tract_core_cast(n, to = \"i32\")"), std::string::npos) << text;
  EXPECT_NE(text.find("tract_core_cast(n, to = \"f32\")"), std::string::npos) << text;
}

// A range is of tract's sizes until it is cast.
TEST_F(Simplify, SizesStayCast) {
  const Value x = input("x", {3}, DType::kI64);
  const Value range = b.add("tract_core_range", {}, {{"start", 0}, {"end", 3}, {"step", 1}});
  b.name_output(b.binary("add", x, b.identity(b.cast(range, DType::kI64))), "y");
  EXPECT_EQ(simplified(),
            "tract_core_range = tract_core_range(start = 0, end = 3, step = 1);\n"
            "tract_core_cast = tract_core_cast(tract_core_range, to = \"i64\");\n"
            "y = add(x, tract_core_cast);\n");
}

// An output needs an operation of its own, whatever it does.
TEST_F(Simplify, OutputsStay) {
  const Value x = input("x", {2, 3});
  b.name_output(x, "same");
  b.name_output(b.transpose(b.transpose(x, {1, 0}), {1, 0}), "twice");
  b.name_output(b.reshape(b.reshape(x, {6}), {2, 3}), "reshaped");
  const Value w = b.variable("w", floats({2}, {1, 2}));
  b.name_output(w, "weight");
  b.name_output(b.transpose(x, {1, 0}), "once");
  simplified();
  std::vector<std::string> names;
  for (Value output : graph.outputs) names.push_back(graph.info(output).name);
  EXPECT_EQ(names, (std::vector<std::string>{"same", "twice", "reshaped", "weight", "once"}));
  for (Value output : graph.outputs) EXPECT_NE(output, x);
}

TEST_F(Simplify, SharesVariablesOfEqualContent) {
  const Value x = input("x", {1, 2000});
  std::vector<float> items(2000, 0.5F);
  const Value a = b.variable("a", floats({1, 2000}, items));
  const Value same = b.variable("same", floats({1, 2000}, items));
  items.back() = 0.25F;  // beyond the beginning
  const Value other = b.variable("other", floats({1, 2000}, items));
  const Value shaped = b.variable("shaped", floats({2000}, std::vector<float>(2000, 0.5F)));
  Value sum = x;
  for (Value w : {a, same, other}) sum = b.binary("add", sum, w);
  b.name_output(b.binary("mul", sum, shaped), "y");
  const std::string text = simplified();
  EXPECT_EQ(graph.variables.size(), 3u);
  EXPECT_EQ(graph.variables.count("same"), 0u);
  EXPECT_NE(text.find("add_1 = add(add, a);\n"), std::string::npos) << text;
}

TEST_F(Simplify, LeavesQuantisedValuesAlone) {
  const Value x = input("x", {2, 3});
  const Value t = b.transpose(x, {1, 0});
  b.name_output(b.unary("exp", b.transpose(t, {1, 0})), "y");
  graph.quant[graph.info(t).name] = {"linear_quantize", {{"bits", 8}, {"max", 1.0}, {"min", -1.0}}};
  graph.quant["nobody"] = graph.quant[graph.info(t).name];
  graph.values.push_back({"nobody", DType::kF32, {}});
  EXPECT_EQ(simplified(),
            "transpose = transpose(x, axes = [1, 0]);\ntranspose_1 = transpose(transpose, axes = [1, 0]);\n"
            "y = exp(transpose_1);\n");
  EXPECT_EQ(graph.quant.size(), 1u);
}

TEST_F(Simplify, LooksIntoScans) {
  nnef::Graph body;
  body.name = "step";
  nnef::Builder inner(body, dialect);
  const Value item = inner.parameter("item", DType::kF32, {1, 2});
  const Value sum = inner.parameter("sum", DType::kF32, {1, 2});
  inner.unary("exp", item);
  inner.name_output(inner.binary("add", inner.transpose(inner.transpose(item, {1, 0}), {1, 0}), sum), "next");
  nnef::Fragment unused{body};
  unused.body.name = "unused";
  graph.fragments = {{body}, unused};
  const Value x = input("x", {3, 2});
  const Value start = b.variable("start", floats({1, 2}, {10, 20}));
  using nnef::Argument;
  const auto list = [](std::vector<Argument> items) {
    Argument::Array array;
    array.items.push_back(Argument::tuple(std::move(items)));
    return Argument(std::move(array));
  };
  const auto results = b.add_multi("tract_core_scan", {},
                                   {{"body", "step"},
                                    {"scan", list({"item", x, 0, 1})},
                                    {"full", Argument::Array{}},
                                    {"state", list({"sum", start, "next"})},
                                    {"output", list({"next", "last", 0, 1})}});
  b.name_output(results.at(0), "y");
  simplified();
  ASSERT_EQ(graph.fragments.size(), 1u);
  EXPECT_EQ(graph.fragments[0].body.operations.size(), 1u);
}

}  // namespace
}  // namespace torch2nnef
