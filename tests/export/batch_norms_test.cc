// A scale and a shift behind a convolution: what becomes of the weights, and neighbours that stay.
#include "export/simplify/batch_norms.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <map>

#include "export/simplify/simplify.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/validate.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::DType;
using nnef::Value;

nnef::TensorDataPtr tensor(std::vector<std::int64_t> shape, const std::vector<float>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(float));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, std::move(shape), std::move(bytes));
}

Value filter(Builder& b) { return b.variable("filter", tensor({2, 1, 2}, {1, 2, 3, 4})); }
Value scale(Builder& b, std::vector<float> items = {2, -1}) { return b.variable("scale", tensor({1, 2, 1}, items)); }
Value shift(Builder& b) { return b.variable("shift", tensor({1, 2, 1}, {10, 20})); }

Value convolved(Builder& b) {
  return b.add("conv", {b.external("x", DType::kF32, {1, 1, 5}), filter(b), b.variable("bias", tensor({2}, {1, -1}))},
               {{"padding", std::vector<std::pair<nnef::Dim, nnef::Dim>>{{0, 0}}},
                {"stride", std::vector<std::int64_t>{1}},
                {"groups", 1}});
}

struct Folded {
  std::vector<std::string> operations;
  std::map<std::string, std::vector<float>> tensors;
};

Folded folded(const std::function<std::vector<Value>(Builder&)>& build) {
  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  Builder b(graph, dialect);
  int count = 0;
  for (Value output : build(b)) b.name_output(output, "y" + std::to_string(count++));
  fold_batch_norms(graph);
  simplify(graph);
  b.finish();
  for (const std::string& problem : nnef::validate(graph, dialect)) ADD_FAILURE() << problem;
  Folded result;
  for (const nnef::Operation& operation : graph.operations) {
    if (operation.op == "conv" || operation.op == "mul" || operation.op == "add")
      result.operations.push_back(operation.op);
    if (operation.op != "variable") continue;
    const std::string& label = std::get<std::string>(operation.find("label")->is);
    std::vector<float>& items = result.tensors[label];
    graph.variables.at(label)->stream([&](const void* bytes, std::size_t size) {
      items.resize(items.size() + size / sizeof(float));
      std::memcpy(&*items.end() - size / sizeof(float), bytes, size);
    });
  }
  return result;
}

using Names = std::vector<std::string>;

TEST(BatchNorms, BecomePartOfTheConvolution) {
  const Folded result = folded(
      [](Builder& b) { return std::vector{b.binary("add", b.binary("mul", convolved(b), scale(b)), shift(b))}; });
  EXPECT_EQ(result.operations, Names{"conv"});
  const std::map<std::string, std::vector<float>> expected{{"filter_scaled", {2, 4, -3, -4}}, {"shift", {12, 21}}};
  EXPECT_EQ(result.tensors, expected);
}

TEST(BatchNorms, StayWhereTheConvolutionIsReadElsewhere) {
  const Folded result = folded([](Builder& b) {
    const Value y = convolved(b);
    return std::vector{b.binary("add", b.binary("mul", y, scale(b)), shift(b)), y};
  });
  EXPECT_EQ(result.operations, (Names{"conv", "mul", "add"}));
}

TEST(BatchNorms, StayWhereTheWeightsAreReadElsewhere) {
  const Folded result = folded([](Builder& b) {
    return std::vector{b.binary("add", b.binary("mul", convolved(b), scale(b)), shift(b)), b.unary("relu", filter(b))};
  });
  EXPECT_EQ(result.operations, (Names{"conv", "mul", "add"}));
}

TEST(BatchNorms, StayWhereAScaleIsNoNumberForWeights) {
  for (const float one :
       {1e-20F, 1e20F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const Folded result = folded([&](Builder& b) {
      return std::vector{b.binary("add", b.binary("mul", convolved(b), scale(b, {1, one})), shift(b))};
    });
    EXPECT_EQ(result.operations, (Names{"conv", "mul", "add"})) << one;
  }
}

}  // namespace
}  // namespace torch2nnef
