// Weights in fewer bytes: the forms, the paths that are meant, and constants as tract folds them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "export/record/torch_types.h"
#include "export/verify/reference.h"
#include "export/weights/error_feedback.h"
#include "nnef/archive/block_items.h"
#include "nnef/builder/builder.h"
#include "nnef/half.h"
#include "quant/block.h"
#include "quant/constant_layout.h"
#include "quant/half_graph.h"
#include "quant/path_pattern.h"
#include "quant/reduce_weights.h"
#include "quant/reduced.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Dim;
using nnef::DType;
using nnef::Value;

TEST(Half, IsWhatLibtorchRoundsTo) {
  std::vector<float> numbers = {0.0F,     -0.0F, 1.0F,  -2.5F,   65504.0F,      65519.9F,
                                65520.0F, 1e9F,  6e-8F, 2.9e-8F, 2.98023224e-8F};
  for (std::uint32_t bits = 0x30000000; bits < 0x48000000; bits += 7919) numbers.push_back(std::bit_cast<float>(bits));
  const at::Tensor wanted = at::tensor(numbers).to(at::kHalf);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::uint16_t bits = nnef::half_bits(numbers[i]);
    const auto expected = wanted[static_cast<std::int64_t>(i)].item<at::Half>();
    ASSERT_EQ(bits, expected.x) << numbers[i];
    ASSERT_EQ(nnef::half_value(bits), static_cast<float>(expected)) << numbers[i];
  }
  EXPECT_TRUE(std::isnan(nnef::half_value(nnef::half_bits(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Blocks, HoldCodesInGgmlOrder) {
  std::vector<float> items(32, 0.0F);
  items[0] = -4;   // the largest magnitude: code 0 under the scale 0.5
  items[1] = 3.5;  // code 15
  items[16] = 1;   // code 10, beside item 0
  items[17] = 0.2F;
  const float scale = block_scale(items.data());
  EXPECT_EQ(scale, 0.5F);
  std::byte block[18];
  pack_block(items.data(), scale, block);
  EXPECT_EQ(std::to_integer<int>(block[0]) | std::to_integer<int>(block[1]) << 8, 0x3800);
  EXPECT_EQ(std::to_integer<int>(block[2]), 0 | 10 << 4);
  EXPECT_EQ(std::to_integer<int>(block[3]), 15 | 8 << 4);
  std::vector<float> back(32);
  nnef::unpack_blocks(nnef::q4_0_type(), block, 1, back.data());
  EXPECT_EQ(back[0], -4);
  EXPECT_EQ(back[1], 3.5);
  EXPECT_EQ(back[16], 1);
  EXPECT_EQ(back[17], 0);
}

TEST(Blocks, FitWholeRowsOnly) {
  EXPECT_TRUE(fits_blocks({3, 64}));
  EXPECT_TRUE(fits_blocks({3, 32, 3, 3}));
  EXPECT_FALSE(fits_blocks({64}));
  EXPECT_FALSE(fits_blocks({32, 33}));
  EXPECT_FALSE(fits_blocks({32, 0}));
}

TEST(Blocks, RefuseWhatTheyCannotHold) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float item : {infinity, std::numeric_limits<float>::quiet_NaN(), 1e6F}) {
    EXPECT_THROW(reduced(make_constant(at::full({1, 32}, item)), WeightForm::kQ4_0), std::range_error) << item;
  }
  EXPECT_THROW(reduced(make_constant(at::full({1, 32}, 65520.0)), WeightForm::kF16), std::range_error);
}

// An item is at most half a step from its value, the one opposite of the peak a whole one.
TEST(Blocks, AreWithinAStepOfTheirItems) {
  const at::Tensor items = at::randn({16, 96});
  const ConstantPtr original = make_constant(items);
  const nnef::TensorDataPtr stored = reduced(original, WeightForm::kQ4_0);
  EXPECT_EQ(nnef::stream_size(*stored), 16U * 3 * 18);
  const at::Tensor back = to_tensor(*stored);
  const at::Tensor step = items.reshape({16, 3, 32}).abs().amax(-1, true) / 8;
  const at::Tensor difference = (back - items).reshape({16, 3, 32}).abs();
  EXPECT_TRUE((difference <= step * 1.01).all().item<bool>());
  EXPECT_LT((difference / step).square().mean().item<double>(), 0.12);  // 1/12 for items spread evenly
  const ReductionError error = reduction_error(*original, *stored);
  EXPECT_NEAR(error.mean_squared, (back - items).square().mean().item<double>(), 1e-9);
  EXPECT_NEAR(error.largest, difference.max().item<double>(), 1e-6);
  EXPECT_TRUE(to_tensor(*restored(stored)).equal(back));
}

double weighted_error(const at::Tensor& items, const at::Tensor& importance, float scale) {
  std::byte block[18];
  pack_block(items.data_ptr<float>(), scale, block);
  at::Tensor back = at::empty({32});
  nnef::unpack_blocks(nnef::q4_0_type(), block, 1, back.data_ptr<float>());
  return ((back - items).square() * importance).sum().item<double>();
}

TEST(Blocks, ASearchedScaleIsNeverWorse) {
  at::manual_seed(0);
  double before = 0, after = 0;
  for (int round = 0; round < 200; ++round) {
    const at::Tensor items = at::randn({32}), importance = at::rand({32}).square();
    const float peak = block_scale(items.data_ptr<float>());
    const float searched = searched_scale(items.data_ptr<float>(), importance.data_ptr<float>());
    const double of_peak = weighted_error(items, importance, peak);
    const double of_searched = weighted_error(items, importance, searched);
    EXPECT_LE(of_searched, of_peak * 1.0001);
    before += of_peak;
    after += of_searched;
  }
  EXPECT_LT(after, 0.9 * before);
}

TEST(Blocks, OfZerosStayZeros) {
  const at::Tensor zeros = at::zeros({32}), ones = at::ones({32});
  EXPECT_EQ(searched_scale(zeros.data_ptr<float>(), ones.data_ptr<float>()), 0);
  EXPECT_EQ(weighted_error(zeros, ones, 0), 0);
}

at::Tensor meant_by(const std::vector<std::byte>& blocks, const at::Tensor& rows) {
  at::Tensor items = at::empty_like(rows);
  nnef::unpack_blocks(nnef::q4_0_type(), blocks.data(), blocks.size() / 18, items.data_ptr<float>());
  return items;
}

// Of inputs that go together, the errors of single weights cancel out in the output.
TEST(ErrorFeedback, LowersTheErrorOfTheOutput) {
  at::manual_seed(0);
  const at::Tensor rows = at::randn({48, 96}), x = at::randn({300, 24}).matmul(at::randn({24, 96}));
  const auto feedback = ErrorFeedback::of_inputs(x);
  ASSERT_TRUE(feedback.has_value());
  const at::Tensor fed_back = meant_by(feedback->pack(rows, at::ones({96})), rows);
  const at::Tensor plain = to_tensor(*reduced(make_constant(rows), WeightForm::kQ4_0));
  const auto error = [&](const at::Tensor& items) {
    return (items - rows).matmul(x.t()).square().mean().sqrt().item<double>();
  };
  EXPECT_LT(error(fed_back), 0.5 * error(plain));
}

TEST(ErrorFeedback, NeedsInputs) {
  EXPECT_FALSE(ErrorFeedback::of_inputs(at::zeros({3, 32})).has_value());
  EXPECT_FALSE(ErrorFeedback::of_inputs(at::full({3, 32}, std::numeric_limits<double>::infinity(), at::kFloat)));
}

TEST(PathPattern, FindsWhatItDescribes) {
  const auto found = [](const char* pattern, const char* path) { return PathPattern(pattern).found_in(path); };
  EXPECT_TRUE(found("", "anything"));
  EXPECT_TRUE(found(R"(layers\.\d+\.mlp)", "model.layers.12.mlp.up_proj.weight"));
  EXPECT_FALSE(found(R"(layers\.\d+\.mlp)", "model.layers.x.mlp.up_proj.weight"));
  EXPECT_TRUE(found("^(lm_head|embed)", "embed_tokens.weight"));
  EXPECT_FALSE(found("^(lm_head|embed)", "model.embed_tokens.weight"));
  EXPECT_TRUE(found("weight$", "a.weight"));
  EXPECT_FALSE(found("weight$", "a.weight_g"));
  EXPECT_TRUE(found("[a-c_]+[^.]x{2,3}$", "zab_1xx"));
  EXPECT_FALSE(found("^a{2}$", "aaa"));
  EXPECT_TRUE(found("^(?:ab?){1,2}c*?$", "aba"));
  EXPECT_TRUE(found("^a{0,}$", ""));
  EXPECT_TRUE(found(R"([\d\-\]]$)", "x]"));
}

TEST(PathPattern, RefusesWhatIsNotOne) {
  for (const char* pattern : {"(", ")", "[", "a{2", "*a", "a{3,2}", R"(\q)", R"(\)", "a{1001}", "(?=a)", "[z-a]",
                              "((((a{1000}){1000}){1000}){1000})"}) {
    EXPECT_THROW(PathPattern{pattern}, std::invalid_argument) << pattern;
  }
}

// Backtracking would take 2^n steps.
TEST(PathPattern, TakesTimeLinearInThePath) {
  EXPECT_FALSE(PathPattern("^(a|aa)*(a*)*b$").found_in(std::string(20000, 'a')));
}

// --- big constants ---

struct Net {
  nnef::Graph graph;
  nnef::Dialect dialect{nnef::Target{}};

  int count(std::string_view op) const {
    int number = 0;
    for (const nnef::Operation& operation : graph.operations) number += operation.op == op ? 1 : 0;
    return number;
  }
  std::vector<nnef::NamedTensor> run(const at::Tensor& x) const {
    return evaluate_graph(graph, dialect, {{"x", make_constant(x)}});
  }
};

// Rows of a table, by the table itself or another one: [1, 3] of i64 to [1, 3, rows].
Net tied_net(std::int64_t rows, std::int64_t size, bool is_tied) {
  Net net;
  Builder b(net.graph, net.dialect);
  const Value x = b.external("x", DType::kI64, nnef::make_shape({1, 3}));
  const at::Tensor items = at::arange(rows * size, at::kFloat).remainder(251).reshape({rows, size}) / 251;
  const Value table = b.variable("e", make_constant(items));
  const Value head = is_tied ? table : b.variable("h", make_constant(items + 1));
  const Value taken = b.add("tract_core_gather", {table, x}, {{"axis", 0}});
  const Value y = b.add("matmul", {taken, b.unsqueeze(head, {0})}, {{"transposeA", false}, {"transposeB", true}});
  net.graph.outputs = {b.name_output(y, "y")};
  return net;
}

TEST(ConstantLayout, MultipliesASharedTableInHalves) {
  Net net = tied_net(2050, 512, true);
  const at::Tensor x = at::tensor({5, 0, 2049}, at::kLong).reshape({1, 3});
  const at::Tensor before = to_tensor(*net.run(x).at(0).data);
  const std::size_t values = net.graph.values.size();
  const std::vector<Value> added = lay_out_constants(net.graph, nnef::Target{});
  EXPECT_EQ(added.size(), net.graph.values.size() - values);
  EXPECT_EQ(net.count("slice"), 2);
  EXPECT_EQ(net.count("tract_core_einsum"), 2);
  EXPECT_EQ(net.count("matmul"), 0);
  EXPECT_EQ(net.count("unsqueeze"), 0);
  EXPECT_TRUE(to_tensor(*net.run(x).at(0).data).allclose(before));
}

TEST(ConstantLayout, LeavesOtherTablesAlone) {
  for (Net net : {tied_net(2050, 512, false), tied_net(2048, 512, true)}) {  // of one use; of 4 MiB
    const std::size_t operations = net.graph.operations.size();
    EXPECT_TRUE(lay_out_constants(net.graph, nnef::Target{}).empty());
    EXPECT_EQ(net.graph.operations.size(), operations);
  }
}

TEST(ConstantLayout, CastsInPieces) {
  Net net;
  Builder b(net.graph, net.dialect);
  const Value x = b.external("x", DType::kF32, nnef::make_shape({2, 1000}));
  const at::Tensor items = at::arange(1500 * 1000).remainder(255).sub(128).to(at::kChar).reshape({1500, 1000});
  const Value weight = b.cast(b.variable("w", make_constant(items)), DType::kF32);
  net.graph.outputs = {b.name_output(b.add("matmul", {x, weight}, {{"transposeA", false}, {"transposeB", true}}), "y")};
  Net old = net;
  const at::Tensor given = at::linspace(-1, 1, 2000).reshape({2, 1000});
  const at::Tensor before = to_tensor(*net.run(given).at(0).data);
  lay_out_constants(net.graph, nnef::Target{});
  EXPECT_EQ(net.count("slice"), 2);
  EXPECT_EQ(net.count("tract_core_cast"), 2);
  EXPECT_EQ(net.count("concat"), 1);
  EXPECT_TRUE(to_tensor(*net.run(given).at(0).data).equal(before));
  EXPECT_TRUE(lay_out_constants(old.graph, *nnef::Target::parse("tract@0.22.4")).empty());
}

std::optional<std::string> every_weight(const nnef::TensorDataPtr&, WeightForm) { return ""; }

TEST(ReduceWeights, TheFirstRuleThatMatchesCounts) {
  Net net = tied_net(64, 32, false);
  const std::vector<WeightRule> rules = {{WeightForm::kQ4_0, "^h$"}, {WeightForm::kF16, ""}};
  const ReducedWeights reduced = reduce_weights(net.graph, nnef::Target{}, rules, every_weight);
  ASSERT_EQ(reduced.weights.size(), 2U);
  EXPECT_EQ(reduced.weights[0].form, WeightForm::kF16);
  EXPECT_EQ(reduced.weights[1].form, WeightForm::kQ4_0);
  EXPECT_TRUE(reduced.weights[0].stored && reduced.weights[1].stored);
  const at::Tensor x = at::tensor({5, 0, 63}, at::kLong).reshape({1, 3});
  const at::Tensor table = to_tensor(*restored(reduced.weights[0].stored));
  const at::Tensor head = to_tensor(*restored(reduced.weights[1].stored));
  const at::Tensor wanted = table.index_select(0, x.reshape({-1})).matmul(head.t()).unsqueeze(0);
  EXPECT_TRUE(to_tensor(*net.run(x).at(0).data).allclose(wanted, 1e-5, 1e-6));
}

// tract fails on these: it makes the scale part of the filter.
TEST(ReduceWeights, LeavesFiltersThatConstantsScale) {
  for (const char* op : {"mul", "div", "add", "self"}) {
    Net net;
    Builder b(net.graph, net.dialect);
    const Value x = b.external("x", DType::kF32, nnef::make_shape({1, 32, 5}));
    const Value filter = b.variable("f", make_constant(at::rand({8, 32, 2})));
    const std::vector<std::pair<Dim, Dim>> padding{{0, 0}};
    const std::vector<std::int64_t> one{1};
    const Value y =
        b.add("conv", {x, filter}, {{"padding", padding}, {"stride", one}, {"dilation", one}, {"groups", 1}});
    const bool is_own = std::string_view(op) == "self";
    const Value other = is_own ? y : b.unary("sqrt", b.variable("k", make_constant(at::rand({1, 8, 1}))));
    net.graph.outputs = {b.name_output(b.binary(is_own ? "mul" : op, y, other), "y")};
    const std::vector<WeightRule> rules = {{WeightForm::kQ4_0, "^f$"}};
    const ReducedWeights reduced = reduce_weights(net.graph, nnef::Target{}, rules, every_weight);
    const bool is_scaled = std::string_view(op) == "mul" || std::string_view(op) == "div";
    EXPECT_EQ(reduced.weights.at(0).stored == nullptr, is_scaled) << op;
    EXPECT_EQ(reduced.weights.at(0).why_not.empty(), !is_scaled) << op;
  }
}

// Heads of 8 and of 32 items joined to the axis that a product contracts, and a concatenation.
TEST(ReduceWeights, LeavesFactorsOfWhatIsJoinedOfPieces) {
  for (const std::string kind : {"heads of 8", "heads of 32", "concat"}) {
    Net net;
    Builder b(net.graph, net.dialect);
    const std::int64_t head = kind == "heads of 32" ? 32 : 8;
    Value x = b.external("x", DType::kF32, nnef::make_shape({1, 3, 64 / head, head}));
    x = kind == "concat"
            ? b.concat({b.reshape(x, nnef::make_shape({1, 6, 32})), b.reshape(x, nnef::make_shape({1, 6, 32}))}, 2)
            : b.unary("relu", b.reshape(x, nnef::make_shape({1, 3, 64})));
    const Value weight = b.unsqueeze(b.variable("w", make_constant(at::rand({32, 64}))), {0});
    const Value y = b.add("matmul", {x, weight}, {{"transposeA", false}, {"transposeB", true}});
    net.graph.outputs = {b.name_output(y, "y")};
    const std::vector<WeightRule> rules = {{WeightForm::kQ4_0, ""}};
    const ReducedWeights reduced = reduce_weights(net.graph, nnef::Target{}, rules, every_weight);
    EXPECT_EQ(reduced.weights.at(0).stored != nullptr, kind == "heads of 32") << kind;
  }
}

TEST(ReduceWeights, IsForTractOnly) {
  Net net = tied_net(64, 32, false);
  const std::vector<WeightRule> rules = {{WeightForm::kQ4_0, ""}};
  EXPECT_THROW(reduce_weights(net.graph, *nnef::Target::parse("khronos"), rules, every_weight), nnef::TargetError);
}

// --- half precision ---

struct HalfNet : Net {
  Value matrix, scale, product, scaled, wide, y;
};

// relu(x w^T * k) + 1e5, the softmax of it times k.
HalfNet half_net(double largest_weight) {
  HalfNet net;
  Builder b(net.graph, net.dialect);
  at::Tensor items = at::linspace(-1, 1, 32).reshape({4, 8}).contiguous();
  items[0][0] = largest_weight;
  const Value x = b.external("x", DType::kF32, nnef::make_shape({2, 8}));
  net.matrix = b.variable("w", make_constant(items));
  net.scale = b.variable("k", make_constant(at::full({1, 4}, 0.5)));
  net.product = b.add("matmul", {x, net.matrix}, {{"transposeA", false}, {"transposeB", true}});
  net.scaled = b.unary("relu", b.binary("mul", net.product, net.scale));
  net.wide = b.binary("add", net.scaled, b.literal(1e5, DType::kF32));
  net.y = b.binary("mul", b.add("softmax", {net.scaled}, {{"axes", std::vector<std::int64_t>{1}}}), net.scale);
  net.graph.outputs = {b.name_output(net.scaled, "s"), b.name_output(net.wide, "wide"), b.name_output(net.y, "y")};
  return net;
}

TEST(HalfGraph, ComputesProductsInHalfAndSumsInSingle) {
  HalfNet net = half_net(1);
  const at::Tensor x = at::arange(16, at::kFloat).reshape({2, 8}) / 16;
  const std::vector<nnef::NamedTensor> before = net.run(x);
  const std::size_t values = net.graph.values.size();
  const HalfGraph half = compute_in_half(net.graph, [](Value) { return false; });
  EXPECT_EQ(half.added_for.size(), net.graph.values.size() - values);
  EXPECT_FALSE(half.has_filters);
  EXPECT_EQ(net.graph.info(net.product).dtype, DType::kF16);
  EXPECT_EQ(net.graph.variables.at("w")->dtype(), DType::kF16);
  EXPECT_EQ(net.graph.variables.at("k")->dtype(), DType::kF32);  // the softmax is multiplied by it, too
  EXPECT_EQ(net.graph.info(net.wide).dtype, DType::kF32);        // 1e5 is no f16
  const std::vector<nnef::NamedTensor> after = net.run(x);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(net.graph.info(net.graph.outputs[i]).dtype, DType::kF32);
    EXPECT_TRUE(to_tensor(*after[i].data).allclose(to_tensor(*before[i].data), 2e-3, 1e-3)) << before[i].name;
  }
}

TEST(HalfGraph, KeepsWhatItIsTold) {
  HalfNet net = half_net(1);
  const HalfGraph half = compute_in_half(net.graph, [](Value) { return true; });
  EXPECT_EQ(half.in_half, 0U);
  EXPECT_TRUE(half.added_for.empty());
  EXPECT_EQ(net.graph.variables.at("w")->dtype(), DType::kF32);
}

TEST(HalfGraph, KeepsWeightsThatF16CannotHold) {
  HalfNet net = half_net(70000);
  compute_in_half(net.graph, [](Value) { return false; });
  EXPECT_EQ(net.graph.info(net.product).dtype, DType::kF32);
  EXPECT_EQ(net.graph.variables.at("w")->dtype(), DType::kF32);
}

}  // namespace
}  // namespace torch2nnef
