// Chains of moves in graphs: what they become, and neighbours that stay.
#include "export/simplify/moves.h"

#include <gtest/gtest.h>

#include <functional>

#include "export/simplify/simplify.h"
#include "nnef/builder/builder.h"
#include "statements.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Dim;
using nnef::DType;
using nnef::Shape;
using nnef::Value;

const Dim kB = Dim::symbol("B"), kS = Dim::symbol("S");

// The statements that are left, without inputs and variables.
std::string written(const std::function<void(Builder&)>& build) {
  nnef::Graph graph;
  graph.symbols = {"B", "S"};
  const nnef::Dialect dialect{nnef::Target{}};
  Builder b(graph, dialect);
  build(b);
  simplify(graph);
  for (const auto step :
       {put_rows_in_one_axis, shorten_moves, split_batches, move_rows_before_products, move_rows_behind_products}) {
    const std::size_t values = graph.values.size();
    const std::vector<Value> added = step(graph, dialect);
    EXPECT_EQ(added.size(), graph.values.size() - values);
    for (Value result : added) EXPECT_LT(static_cast<std::size_t>(result.id), values);
    simplify(graph);
  }
  b.finish();
  return statements(graph, dialect, {"external", "variable"});
}

Value variable(Builder& b, const char* name, std::vector<std::int64_t> shape) {
  std::int64_t count = 4;
  for (const std::int64_t size : shape) count *= size;
  return b.variable(name, std::make_shared<nnef::OwnedTensor>(DType::kF32, std::move(shape),
                                                              std::vector<std::byte>(static_cast<std::size_t>(count))));
}

Value layer(Builder& b, Value x, Value weight, Value bias) {
  const int rank = b.rank(x);
  const Value rows = b.add("matmul", {x, b.align_rank(weight, rank)}, {{"transposeA", false}, {"transposeB", true}});
  return b.add("add", {rows, b.align_rank(bias, rank)});
}

TEST(Moves, ChainsAreWrittenInTheShortestWay) {
  EXPECT_EQ(written([](Builder& b) {
              Value x = b.external("x", DType::kF32, {kS, kB, 12});
              x = b.transpose(b.reshape(x, {kS, kB * 3, 4}), {1, 0, 2});
              b.name_output(b.reshape(x, {kB, 3, kS, 4}), "y");
            }),
            "y_1 = reshape(x, shape = [3, 4], axis_start = 2, axis_count = 1);\n"
            "y = transpose(y_1, axes = [1, 2, 0, 3]);\n");
}

TEST(Moves, OneOfThreePartsIsASlice) {
  EXPECT_EQ(written([](Builder& b) {
              Value x = b.external("x", DType::kF32, {kS, kB, 12});
              x = b.unsqueeze(b.reshape(x, {kS, kB, 3, 4}), {0});
              x = b.squeeze(b.transpose(x, {3, 1, 2, 0, 4}), {3});
              for (int part = 0; part < 3; ++part) {
                const Value one = b.squeeze(b.slice(x, 0, part, part + 1), {0});
                b.name_output(b.unary("exp", one), "y" + std::to_string(part));
              }
            }),
            "squeeze_1 = slice(x, axes = [2], begin = [0], end = [4]);\n"
            "y0 = exp(squeeze_1);\n"
            "squeeze_2 = slice(x, axes = [2], begin = [4], end = [8]);\n"
            "y1 = exp(squeeze_2);\n"
            "squeeze_3 = slice(x, axes = [2], begin = [8], end = [12]);\n"
            "y2 = exp(squeeze_3);\n");
}

TEST(Moves, WhatSomethingElseReadsIsNotDoneTwice) {
  const auto shared = [](Builder& b) {
    const Value x = b.external("x", DType::kF32, {kS, 3, 4});
    const Value turned = b.transpose(x, {1, 0, 2});
    b.name_output(b.unary("exp", turned), "y");
    b.name_output(b.reshape(turned, {3, kS, 2, 2}), "z");
  };
  EXPECT_EQ(written(shared),
            "transpose = transpose(x, axes = [1, 0, 2]);\n"
            "y = exp(transpose);\n"
            "z = reshape(transpose, shape = [2, 2], axis_start = 2, axis_count = 1);\n");
}

TEST(Moves, OutputsInTheMiddleStay) {
  const auto outputs = [](Builder& b) {
    const Value x = b.external("x", DType::kF32, {2, 3, 4});
    const Value turned = b.name_output(b.transpose(x, {1, 0, 2}), "y");
    b.name_output(b.unary("exp", b.transpose(turned, {1, 0, 2})), "z");
  };
  EXPECT_EQ(written(outputs),
            "y = transpose(x, axes = [1, 0, 2]);\n"
            "transpose = transpose(y, axes = [1, 0, 2]);\n"
            "z = exp(transpose);\n");
}

// Scores of attention with the heads in the axis of matrices.
Value scores(Builder& b, bool is_given_merged) {
  const Value q = b.external("q", DType::kF32, {kB, 3, kS, 4}), k = b.external("k", DType::kF32, {kB, 3, kS, 4});
  const Value left = b.reshape(q, {kB * 3, kS, 4});
  const Value right = is_given_merged ? b.external("r", DType::kF32, {kB * 3, kS, 4}) : b.reshape(k, {kB * 3, kS, 4});
  return b.add("matmul", {left, right}, {{"transposeA", false}, {"transposeB", true}});
}

TEST(Batches, AreProductsOfTheAxesThatTheyWereMergedFrom) {
  EXPECT_EQ(written([](Builder& b) {
              const Value mask = b.external("m", DType::kF32, {1, kS, kS});
              Value x = b.binary("add", b.binary("mul", scores(b, false), 0.5), mask);
              x = b.add("softmax", {x}, {{"axes", std::vector<std::int64_t>{2}}});
              b.name_output(b.reshape(x, {kB, 3, kS, kS}), "y");
            }),
            "matmul_1 = matmul(q, k, transposeA = false, transposeB = true);\n"
            "mul_1 = mul(matmul_1, 0.5);\n"
            "add_1 = unsqueeze(m, axes = [0]);\n"
            "add_2 = add(mul_1, add_1);\n"
            "y = softmax(add_2, axes = [3]);\n");
}

TEST(Batches, StayMergedWhereThatIsShorter) {
  const auto merged = [](bool is_given_merged) {
    return written([=](Builder& b) { b.name_output(b.unary("exp", scores(b, is_given_merged)), "y"); });
  };
  const std::string text = merged(true);
  EXPECT_NE(text.find("reshape(q"), std::string::npos) << text;
  EXPECT_EQ(merged(false).find("reshape(q"), std::string::npos);  // two reshapes before the product, or one behind it
}

TEST(RowMoves, GoBeforeAProduct) {
  EXPECT_EQ(written([](Builder& b) {
              const Value x = b.external("x", DType::kF32, {kB, 3, kS, 4});
              const Value rows = b.reshape(b.transpose(x, {2, 0, 1, 3}), {kS * kB, 12});
              const Value y = layer(b, rows, variable(b, "w", {5, 12}), variable(b, "b", {5}));
              b.name_output(b.transpose(b.reshape(y, {kS, kB, 5}), {1, 0, 2}), "y");
            }),
            "y_1 = transpose(x, axes = [0, 2, 1, 3]);\n"
            "y_2 = reshape(y_1, shape = [12], axis_start = 2, axis_count = 2);\n"
            "add_1 = unsqueeze(w, axes = [0]);\n"
            "add_2 = matmul(y_2, add_1, transposeA = false, transposeB = true);\n"
            "add_3 = unsqueeze(b, axes = [0, 1]);\n"
            "y = add(add_2, add_3);\n");
}

TEST(RowMoves, GoBehindProducts) {
  const auto heads = [](Builder& b, bool is_read_elsewhere) {
    const Value x = b.external("x", DType::kF32, {kB, kS, 12});
    const Value turned = b.transpose(x, {1, 0, 2});
    const Value y = layer(b, turned, variable(b, "w", {8, 12}), variable(b, "b", {8}));
    b.name_output(b.transpose(b.reshape(y, {kS, kB, 2, 4}), {1, 2, 0, 3}), "y");
    if (is_read_elsewhere) b.name_output(b.unary("exp", y), "z");
  };
  const std::string gone = written([&](Builder& b) { heads(b, false); });
  EXPECT_EQ(gone.find("axes = [1, 0, 2]"), std::string::npos) << gone;
  EXPECT_NE(gone.find("matmul(x"), std::string::npos) << gone;
  EXPECT_NE(gone.find("y = transpose(y_1, axes = [0, 2, 1, 3]);\n"), std::string::npos) << gone;
  const std::string kept = written([&](Builder& b) { heads(b, true); });
  EXPECT_NE(kept.find("axes = [1, 0, 2]"), std::string::npos) << kept;
}

TEST(RowMoves, MergedRowsAreOneAxis) {
  const auto rows = [](const Dim& first) {
    return written([=](Builder& b) {
      const Value x = b.external("x", DType::kF32, {kB, kS, 12});
      b.name_output(layer(b, b.reshape(x, first == Dim(1) ? Shape{kB, kS, 1, 12} : Shape{first, 1, 12}),
                          variable(b, "w", {8, 12}), variable(b, "b", {8})),
                    "y");
    });
  };
  const std::string merged = rows(kB * kS);  // goes behind the product, then
  EXPECT_NE(merged.find("matmul(x, "), std::string::npos) << merged;
  EXPECT_NE(merged.find("y = reshape("), std::string::npos) << merged;
  EXPECT_EQ(rows(Dim(1)).find("B*S"), std::string::npos) << rows(Dim(1));
}

TEST(RowMoves, OfColumnsStay) {
  const auto columns = [](Builder& b) {
    const Value x = b.external("x", DType::kF32, {kB, 12, kS});
    const Value y = layer(b, b.transpose(x, {0, 2, 1}), variable(b, "w", {8, 12}), variable(b, "b", {8}));
    b.name_output(b.transpose(y, {0, 2, 1}), "y");
  };
  const std::string text = written(columns);
  EXPECT_NE(text.find("transpose(x, axes = [0, 2, 1])"), std::string::npos) << text;
  EXPECT_NE(text.find("y = transpose("), std::string::npos) << text;
}

}  // namespace
}  // namespace torch2nnef
