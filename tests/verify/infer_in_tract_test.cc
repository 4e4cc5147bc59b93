// Shapes and dtypes that inference states, against those of the results that the real engine computes.
#include <gtest/gtest.h>

#include <algorithm>

#include "export/verify/private_folder.h"
#include "export/verify/tract_engine.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/validate.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::DType;
using nnef::NamedArgument;
using nnef::Shape;
using nnef::Value;
using Axes = std::vector<std::int64_t>;
using Pairs = std::vector<std::pair<Dim, Dim>>;

class InferInTract : public testing::Test {
 protected:
  InferInTract() { graph.symbols = {"S"}; }

  // An input of small values; symbols have the size 7.
  Value input(const Shape& shape, DType dtype = DType::kF32) {
    const std::vector<std::int64_t> sizes = nnef::evaluate(shape, {{"S", 7}});
    std::int64_t count = 1;
    for (std::int64_t size : sizes) count *= size;
    std::vector<float> floats;
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < count; ++i) {
      floats.push_back(static_cast<float>(i % 5) * 0.25F);
      numbers.push_back(i % 2);
    }
    const std::string name = "x" + std::to_string(inputs_.size());
    inputs_.push_back(
        {name, dtype == DType::kI64 ? torch2nnef_test::i64(sizes, numbers) : torch2nnef_test::f32(sizes, floats)});
    return b.external(name, dtype, shape);
  }
  void output(const std::vector<Value>& values) {
    for (Value value : values) b.name_output(value, "y" + std::to_string(graph.outputs.size()));
  }
  void call(std::string_view op, std::vector<Argument> tensors, std::vector<NamedArgument> attributes = {}) {
    output(b.add_multi(op, std::move(tensors), std::move(attributes)));
  }

  void TearDown() override {
    b.finish();
    for (const std::string& problem : nnef::validate(graph, dialect)) ADD_FAILURE() << problem;
    const auto engine = find_engine(TRACT_RUN);
    ASSERT_TRUE(engine);
    const PrivateFolder folder;
    nnef::write_archive(graph, dialect, folder.path() / "m.tar");
    const EngineRun run = run_engine(*engine, folder.path() / "m.tar", inputs_, 60);
    ASSERT_TRUE(run.ran) << run.message << "\n" << nnef::write_text(graph, dialect);
    for (Value value : graph.outputs) {
      const nnef::ValueInfo& info = graph.info(value);
      const auto found = std::find_if(run.outputs.begin(), run.outputs.end(),
                                      [&](const nnef::NamedTensor& tensor) { return tensor.name == info.name; });
      ASSERT_NE(found, run.outputs.end()) << info.name;
      EXPECT_EQ(found->data->shape(), nnef::evaluate(info.shape, {{"S", 7}})) << nnef::to_string(info.shape) << "\n"
                                                                              << nnef::write_text(graph, dialect);
      EXPECT_EQ(nnef::to_string(found->data->dtype()), nnef::to_string(info.dtype)) << nnef::write_text(graph, dialect);
    }
  }

  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Builder b{graph, dialect};
  const Dim S = Dim::symbol("S");

 private:
  std::vector<nnef::NamedTensor> inputs_;
};

TEST_F(InferInTract, Windows) {
  const Value x = input({2, 4, S, 9});
  const Value filter = input({6, 4, 3, 2}), grouped = input({6, 2, 3, 2}), up = input({6, 4, 3, 2});
  for (const auto& [stride, dilation] :
       std::vector<std::pair<Axes, Axes>>{{{1, 1}, {1, 1}}, {{2, 3}, {1, 1}}, {{1, 2}, {2, 1}}}) {
    const std::vector<NamedArgument> attributes = {
        {"padding", Pairs{{1, 0}, {2, 1}}}, {"stride", stride}, {"dilation", dilation}};
    call("conv", {x, filter, 0.0}, attributes);
    call("deconv", {x, up, 0.0}, attributes);
    std::vector<NamedArgument> with_groups = attributes;
    with_groups.push_back({"groups", 2});
    call("conv", {x, grouped, 0.0}, with_groups);
  }
  for (const char* op : {"max_pool", "avg_pool", "box"}) {
    call(op, {x},
         {{"size", Axes{1, 1, 3, 2}},
          {"padding", Pairs{{0, 0}, {0, 0}, {1, 1}, {0, 1}}},
          {"stride", Axes{1, 1, 2, 3}},
          {"border", "ignore"}});
  }
  call("max_pool_with_index", {x},
       {{"size", Axes{1, 1, 2, 2}}, {"padding", Pairs(4, {0, 0})}, {"stride", Axes{1, 1, 2, 2}}, {"border", "ignore"}});
  call("nearest_upsample", {x}, {{"factor", Axes{2, 3}}});
}

TEST_F(InferInTract, PaddingAndResizing) {
  const Value x = input({1, 2, S, 8});
  call("pad", {x}, {{"padding", Pairs{{0, 0}, {0, 0}, {1, 2}, {0, 3}}}, {"border", "constant"}});
  call("pad", {x}, {{"padding", Pairs{{0, 0}, {0, 0}, {1, 2}, {0, 3}}}, {"border", "reflect"}});
  call("pad", {x}, {{"padding", Pairs{{0, 0}, {0, 0}, {1, 2}, {0, 3}}}, {"border", "replicated"}});
  call("tract_core_downsample", {x}, {{"axis", 2}, {"stride", 2}, {"modulo", 1}});
  const Value fixed = input({1, 2, 5, 8});
  call("tract_core_resize", {fixed}, {{"sizes", Axes{1, 2, 10, 12}}, {"interpolator", "linear"}});
  call("tract_core_grid_sample", {fixed, input({1, 4, 3, 2})});
}

TEST_F(InferInTract, Indices) {
  const Value x = input({S, 4}), n = input({3, 2}, DType::kI64), same = input({3, 4}, DType::kI64);
  call("tract_core_gather", {x, n}, {{"axis", 0}});
  call("tract_core_gather", {x, n}, {{"axis", 1}});
  call("tract_core_gather_elements", {x, same}, {{"axis", 0}});
  call("tract_core_gather_nd", {x, n}, {{"batch_dims", 0}});
  call("tract_core_scatter_elements", {x, same, input({3, 4})}, {{"axis", 0}});
  call("tract_core_scatter_nd", {x, n, input({3})});
  call("tract_core_one_hot", {n}, {{"axis", 2}, {"dim", 5}});
  call("tract_core_topk", {x}, {{"k", 3}, {"axis", 0}, {"largest", false}});
  call("tract_core_trilu", {x}, {{"k", 0}, {"upper", true}});
  call("tract_core_cumsum", {x}, {{"axis", 0}, {"exclusive", false}, {"reverse", false}});
  call("argmax_reduce", {x}, {{"axes", Axes{0}}});
  const Value odd = b.add("tract_core_range", {}, {{"start", 1}, {"end", S * 2}, {"step", 3}});
  output(
      {odd, b.add("tract_core_range", {}, {{"start", 0}, {"end", S}, {"step", 1}}), b.add("tract_core_shape_of", {x})});
  output({b.binary("mul", odd, -2), b.add("tract_core_range", {}, {{"start", 0.5}, {"end", 2.5}, {"step", 0.5}})});
}

TEST_F(InferInTract, Contractions) {
  const Value x = input({2, S, 4}), y = input({2, 4, 3}), z = input({1, 3, 4});
  call("matmul", {x, y});
  call("matmul", {x, z}, {{"transposeB", true}});
  call("matmul", {y, x}, {{"transposeA", true}, {"transposeB", true}});
  const auto einsum = [&](std::vector<Value> values, const char* text) {
    call("tract_core_einsum", {Argument(values)}, {{"expr", text}, {"acc", "f32"}});
  };
  einsum({x, y}, "bmk,bkn->mbn");
  einsum({x}, "bmk->km");
  einsum({x, x}, "bmk,bmk->");
  call("linear", {b.reshape(x, {S * 2, 4}), b.reshape(z, {3, 4}), 0.0});
  const Value q = input({1, 2, S, 4}), k = input({1, 2, S, 4});
  call("tract_transformers_sdpa", {q, k, k}, {{"datum_type", "f32"}, {"acc_datum_type", "f32"}, {"is_causal", false}});
}

TEST_F(InferInTract, Elementwise) {
  const Value x = input({S, 3});
  for (const char* op : {"exp", "relu", "sigmoid", "tanh", "elu", "softplus", "tract_core_silu", "tract_core_erf",
                         "tract_core_round_even", "tract_core_is_nan", "tract_core_is_inf", "tract_core_hard_swish",
                         "rsqrt", "sqr", "log2", "floor"}) {
    call(op, {x});
  }
  call("leaky_relu", {x}, {{"alpha", 0.1}});
  call("clamp", {x, 0.1, 0.6});
  call("softmax", {x}, {{"axes", Axes{1}}});
  call("tract_core_log_softmax", {x}, {{"axes", Axes{0}}});
  call("tract_core_rms_norm", {x}, {{"axis", 1}});
  call("moments", {x}, {{"axes", Axes{1}}});
  call("stack", {Argument(std::vector<Value>{x, x})}, {{"axis", 1}});
  call("unstack", {x}, {{"axis", 1}});
  call("tract_core_gelu_approx", {x}, {{"fast_impl", false}});
  for (const char* op : {"tract_shl", "tract_shr"}) call(op, {b.cast(x, DType::kI64), b.cast(x, DType::kI64)});
}

TEST_F(InferInTract, Signals) {
  const Value x = input({2, 16, 2});
  call("tract_core_fft", {x}, {{"axis", 1}, {"inverse", false}});
  call("tract_core_stft", {x}, {{"axis", 1}, {"frame", 8}, {"stride", 3}});
  call("tract_core_lstm_epilogue", {input({2, 12}), input({2, 3})}, {{"hidden", 3}});
}

}  // namespace
}  // namespace torch2nnef
