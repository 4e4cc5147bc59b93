// A batch as a loop over its samples: each kind of operation on a batch of three against the loop, and what lets
// samples meet.
#include "export/simplify/batch_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "export/verify/reference.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/validate.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Builder;
using nnef::Dim;
using nnef::DType;
using nnef::Graph;
using nnef::Shape;
using nnef::Value;
using Axes = std::vector<std::int64_t>;

const Dim kB = Dim::symbol("B");
const nnef::Bindings kThree = {{"B", 3}, {"S", 2}};

nnef::TensorDataPtr tensor(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  std::vector<std::byte> bytes(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    const float item = std::sin(static_cast<float>(7 * i + 1));
    std::memcpy(bytes.data() + i * sizeof item, &item, sizeof item);
  }
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, shape, std::move(bytes));
}

Value input(Builder& b, Shape shape, const char* name = "x") { return b.external(name, DType::kF32, std::move(shape)); }
Value images(Builder& b) { return input(b, {kB, 4, 6, 6}); }
Value rows(Builder& b) { return input(b, {kB, 4, 6}); }
Value weight(Builder& b, const std::vector<std::int64_t>& shape) { return b.variable("w", tensor(shape)); }
Value matmul(Builder& b, Value x, Value y, bool flip_y = false) {
  return b.add("matmul", {x, y}, {{"transposeA", false}, {"transposeB", flip_y}});
}
Value conv(Builder& b, Value x) {
  const Argument ones = Axes{1, 1};
  const Argument padding = std::vector<std::pair<Dim, Dim>>{{1, 1}, {1, 1}};
  return b.add("conv", {x, weight(b, {4, 4, 3, 3})},
               {{"padding", padding}, {"stride", ones}, {"dilation", ones}, {"groups", 1}});
}

Graph graph_of(const std::function<Value(Builder&)>& build, const nnef::Dialect& dialect) {
  Graph graph;
  graph.symbols = {"B", "S"};
  Builder b(graph, dialect);
  b.name_output(build(b), "y");
  b.finish();
  return graph;
}

std::vector<std::byte> outputs_of(const Graph& graph, const nnef::Dialect& dialect) {
  std::vector<nnef::NamedTensor> inputs;
  for (Value value : graph.inputs) {
    const nnef::ValueInfo& info = graph.info(value);
    inputs.push_back({info.name, tensor(nnef::evaluate(info.shape, kThree))});
  }
  std::vector<std::byte> items;
  for (const nnef::NamedTensor& output : evaluate_graph(graph, dialect, inputs)) {
    output.data->stream([&](const void* bytes, std::size_t count) {
      const auto* begin = static_cast<const std::byte*>(bytes);
      items.insert(items.end(), begin, begin + count);
    });
  }
  return items;
}

double largest_difference(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  double largest = 0;
  for (std::size_t at = 0; at + sizeof(float) <= a.size(); at += sizeof(float)) {
    float x = 0, y = 0;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    largest = std::max(largest, std::abs(static_cast<double>(x) - y));
  }
  return largest;
}

struct Case {
  const char* name;
  std::function<Value(Builder&)> build;
};

void PrintTo(const Case& one, std::ostream* stream) { *stream << one.name; }

class Apart : public testing::TestWithParam<Case> {};
class Meet : public testing::TestWithParam<Case> {};
std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

TEST_P(Apart, TheLoopComputesTheSame) {
  const nnef::Dialect dialect{nnef::Target{}};
  Graph graph = graph_of(GetParam().build, dialect);
  const Graph plain = graph;
  const BatchReport found = scan_over_batch(graph, dialect, BatchForm::kScan, kThree);
  ASSERT_TRUE(found.is_scan) << found.why;
  EXPECT_EQ(found.symbol, "B");
  nnef::set_registries(graph, dialect);
  for (const std::string& problem : nnef::validate(graph, dialect)) ADD_FAILURE() << problem;
  const std::vector<std::byte> expected = outputs_of(plain, dialect), actual = outputs_of(graph, dialect);
  ASSERT_EQ(expected.size(), actual.size());
  ASSERT_FALSE(expected.empty());
  EXPECT_LT(largest_difference(expected, actual), 1e-5);
  for (const nnef::Operation& operation : graph.fragments.back().body.operations) {
    for (Value result : operation.results) {
      for (const Dim& dim : graph.fragments.back().body.info(result).shape) EXPECT_EQ(dim.symbols().count("B"), 0u);
    }
  }
}

TEST_P(Meet, TheGraphStaysAsItIs) {
  const nnef::Dialect dialect{nnef::Target{}};
  Graph graph = graph_of(GetParam().build, dialect);
  const std::string before = nnef::write_text(graph, dialect);
  const BatchReport found = scan_over_batch(graph, dialect, BatchForm::kScan, kThree);
  EXPECT_FALSE(found.is_scan);
  EXPECT_FALSE(found.why.empty());
  EXPECT_EQ(nnef::write_text(graph, dialect), before);
}

const Case kApart[] = {
    {"convolution", [](Builder& b) { return b.unary("relu", conv(b, images(b))); }},
    {"joined_and_split",
     [](Builder& b) {
       const Value joined = b.reshape(rows(b), {kB * 4, 6});
       return b.reshape(matmul(b, joined, weight(b, {6, 5})), {kB, 4, 5});
     }},
    {"flattened",
     [](Builder& b) {
       return matmul(b, b.reshape(rows(b), {kB, 24}), weight(b, {3, 24}), true);
     }},
    {"moved_axis",
     [](Builder& b) {
       return b.unary("exp", b.transpose(rows(b), {1, 0, 2}));
     }},
    {"joined_behind",
     [](Builder& b) {
       return b.reshape(b.transpose(rows(b), {1, 0, 2}), {4, kB * 6});
     }},
    {"products_of_samples",
     [](Builder& b) {
       const Value x = rows(b), y = input(b, {kB, 4, 6}, "other");
       return b.add("softmax", {matmul(b, x, y, true)}, {{"axes", Axes{2}}});
     }},
    {"columns",
     [](Builder& b) {
       return matmul(b, weight(b, {5, 7}), input(b, {7, kB}));
     }},
    {"linear",
     [](Builder& b) {
       return b.add("linear", {rows(b), weight(b, {1, 5, 6}), b.variable("bias", tensor({1, 1, 5}))});
     }},
    {"linear_rows",
     [](Builder& b) {
       return b.add("linear", {input(b, {kB, 6}), weight(b, {5, 6}), b.variable("bias", tensor({1, 5}))});
     }},
    {"einsum",
     [](Builder& b) {
       return b.add("tract_core_einsum", {Argument(std::vector<Value>{rows(b), weight(b, {6, 5})})},
                    {{"expr", "bsk,ko->bos"}, {"acc", "f32"}});
     }},
    {"reduced",
     [](Builder& b) {
       return b.reduce("max_reduce", images(b), {2, 3}, false);
     }},
    {"sliced_and_joined",
     [](Builder& b) {
       const Value x = rows(b);
       return b.concat({b.slice(x, 1, 2, 4), b.slice(x, 1, 0, 1)}, 1);
     }},
    {"token_of_all",
     [](Builder& b) {
       const Value token = b.add("tile", {weight(b, {1, 1, 6})}, {{"repeats", Shape{kB, 1, 1}}});
       return b.concat({token, rows(b)}, 1);
     }},
    {"filled",
     [](Builder& b) {
       const Value zeros = b.add("tract_core_broadcast", {weight(b, {1, 6})}, {{"shape", Shape{kB, 6}}});
       return b.binary("mul", zeros, b.reduce("sum_reduce", rows(b), {1}, false));
     }},
    {"input_of_all",
     [](Builder& b) {
       return b.binary("add", rows(b), b.unary("exp", input(b, {1, 4, 6}, "of_all")));
     }},
    {"two_rows_each",
     [](Builder& b) {
       return b.unary("tanh", input(b, {kB * 2, 5}));
     }},
    {"padded",
     [](Builder& b) {
       return b.add("pad", {rows(b)},
                    {{"padding", std::vector<std::pair<Dim, Dim>>{{0, 0}, {1, 2}, {0, 1}}}, {"border", "constant"}});
     }},
    {"pooled",
     [](Builder& b) {
       return b.add("max_pool", {images(b)},
                    {{"size", Axes{1, 1, 2, 2}},
                     {"padding", std::vector<std::pair<Dim, Dim>>{{0, 0}, {0, 0}, {0, 0}, {0, 0}}},
                     {"stride", Axes{1, 1, 2, 2}}});
     }},
    {"other_symbol",
     [](Builder& b) {
       return b.reduce("sum_reduce", input(b, {kB, Dim::symbol("S"), 3}), {1}, false);
     }},
    {"inserted_axis",
     [](Builder& b) {
       return b.squeeze(b.unsqueeze(rows(b), {0, 3}), {0});
     }},
    {"gathered_from_each",
     [](Builder& b) {
       const Value places = b.variable("places", nnef::vector_tensor(DType::kI64, {3, 0}));
       return b.add("tract_core_gather", {rows(b), places}, {{"axis", 2}});
     }},
};
INSTANTIATE_TEST_SUITE_P(BatchScan, Apart, testing::ValuesIn(kApart), name_of);

const Case kMeet[] = {
    {"mean_of_the_batch",
     [](Builder& b) {
       const Value x = rows(b);
       return b.binary("sub", x, b.reduce("mean_reduce", x, {0}, true));
     }},
    {"softmax_over_the_batch",
     [](Builder& b) {
       return b.add("softmax", {rows(b)}, {{"axes", Axes{0}}});
     }},
    {"the_first_of_all", [](Builder& b) { return b.slice(rows(b), 0, 0, 1); }},
    {"one_behind_the_other",
     [](Builder& b) {
       const Value x = rows(b);
       return b.concat({x, x}, 0);
     }},
    {"mixed_by_a_reshape",
     [](Builder& b) {
       return b.reshape(b.transpose(rows(b), {1, 0, 2}), {kB * 4, 6});
     }},
    {"rows_of_other_samples",
     [](Builder& b) {
       return b.reshape(b.transpose(rows(b), {1, 2, 0}), {4, kB * 6});
     }},
    {"products_across",
     [](Builder& b) {
       const Value x = b.reshape(rows(b), {kB, 24});
       return matmul(b, x, x, true);
     }},
    {"the_place_in_the_batch",
     [](Builder& b) {
       const Value places = b.add("tract_core_range", {}, {{"start", 0}, {"end", kB}, {"step", 1}});
       return b.binary("add", b.cast(b.unsqueeze(places, {1, 2}), DType::kF32), rows(b));
     }},
    {"their_number",
     [](Builder& b) {
       return b.binary("div", rows(b), b.add("tract_core_cast", {Argument(kB)}, {{"to", "f32"}}));
     }},
    {"sum_of_the_batch",
     [](Builder& b) {
       return b.reduce("sum_reduce", rows(b), {0, 1, 2}, false);
     }},
    {"running_sum",
     [](Builder& b) {
       return b.add("tract_core_cumsum", {rows(b)}, {{"axis", 0}, {"exclusive", false}, {"reverse", false}});
     }},
};
INSTANTIATE_TEST_SUITE_P(BatchScan, Meet, testing::ValuesIn(kMeet), name_of);

TEST(BatchScan, IsForConvolutions) {
  const nnef::Dialect dialect{nnef::Target{}};
  Graph net = graph_of([](Builder& b) { return conv(b, images(b)); }, dialect);
  EXPECT_TRUE(scan_over_batch(net, dialect, BatchForm::kByContent, kThree).is_scan);
  Graph products = graph_of([](Builder& b) { return matmul(b, rows(b), weight(b, {1, 6, 5})); }, dialect);
  EXPECT_FALSE(scan_over_batch(products, dialect, BatchForm::kByContent, kThree).is_scan);
  Graph other = graph_of([](Builder& b) { return conv(b, input(b, {kB, 4, Dim::symbol("S"), 6})); }, dialect);
  const BatchReport found = scan_over_batch(other, dialect, BatchForm::kByContent, kThree);
  EXPECT_FALSE(found.is_scan);
  EXPECT_EQ(found.why, "a convolution has another symbol, too");
  EXPECT_EQ(symbols_of_convolutions(other), (std::vector<std::string>{"B", "S"}));
}

TEST(BatchScan, IsPlainForOlderReleasesAndWhereAskedFor) {
  const nnef::Dialect dialect{nnef::Target{}}, older{*nnef::Target::parse("tract@0.22.4")};
  Graph graph = graph_of([](Builder& b) { return conv(b, images(b)); }, dialect);
  EXPECT_FALSE(scan_over_batch(graph, older, BatchForm::kByContent, kThree).is_scan);
  EXPECT_FALSE(scan_over_batch(graph, dialect, BatchForm::kPlain, kThree).is_scan);
}

}  // namespace
}  // namespace torch2nnef
