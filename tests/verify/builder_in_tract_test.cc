// What the builder writes, run in the real engine: accepted, with the values that each operation promises.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
#include "export/verify/tract_engine.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/validate.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::DType;
using nnef::Shape;
using nnef::Value;
using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::i64;
using torch2nnef_test::tensor;

nnef::TensorDataPtr f64(std::vector<std::int64_t> shape, const std::vector<double>& items) {
  return tensor(DType::kF64, std::move(shape), items);
}
nnef::TensorDataPtr bools(std::vector<std::int64_t> shape, const std::vector<std::uint8_t>& items) {
  return tensor(DType::kBool, std::move(shape), items);
}
std::vector<float> ramp(int count) {
  std::vector<float> items;
  for (int i = 0; i < count; ++i) items.push_back(static_cast<float>(i));
  return items;
}

class BuilderInTract : public testing::Test {
 protected:
  Value input(const std::string& name, const nnef::TensorDataPtr& data, Shape shape = {}) {
    inputs_.push_back({name, data});
    if (shape.empty()) shape = nnef::make_shape(data->shape());
    return b.external(name, data->dtype(), std::move(shape));
  }
  void output(const std::string& name, Value value, const nnef::TensorDataPtr& expected) {
    b.name_output(value, name);
    expected_.push_back({name, expected});
  }
  void run(Tolerance tolerance = Tolerance::kExact) {
    b.finish();
    for (const std::string& problem : nnef::validate(graph, dialect)) ADD_FAILURE() << problem;
    const auto engine = find_engine(TRACT_RUN);
    ASSERT_TRUE(engine);
    const auto archive = folder_.path() / "model.nnef.tgz";
    nnef::write_archive(graph, dialect, archive);
    EXPECT_EQ(nnef::compare_archive(archive, graph, dialect), "");
    const EngineRun result = run_engine(*engine, archive, inputs_, 60);
    ASSERT_TRUE(result.ran) << result.message << "\n" << nnef::write_text(graph, dialect);
    for (const auto& compared : compare_outputs(expected_, result.outputs, tolerance)) {
      EXPECT_TRUE(compared.agrees) << compared.name << ": " << compared.detail << "\n"
                                   << nnef::write_text(graph, dialect);
    }
  }

  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Builder b{graph, dialect};
  const Dim S = Dim::symbol("S");

 private:
  std::vector<nnef::NamedTensor> inputs_, expected_;
  PrivateFolder folder_;
};

TEST_F(BuilderInTract, MovesItems) {
  const Value x = input("x", f32({2, 3}, ramp(6)));
  output("reshaped", b.reshape(x, {3, 1, 2}), f32({3, 1, 2}, ramp(6)));
  output("transposed", b.transpose(x, {1, 0}), f32({3, 2}, {0, 3, 1, 4, 2, 5}));
  output("unsqueezed", b.unsqueeze(x, {2, 0}), f32({1, 2, 1, 3}, ramp(6)));
  output("sliced", b.slice(x, 1, 1, 3), f32({2, 2}, {1, 2, 4, 5}));
  output("strided", b.slice(x, 1, 0, 3, 2), f32({2, 2}, {0, 2, 3, 5}));
  output("flipped", b.slice(x, 1, 0, 3, -1), f32({2, 3}, {2, 1, 0, 5, 4, 3}));
  output("flipped_part", b.slice(x, 1, 1, 3, -1), f32({2, 2}, {2, 1, 5, 4}));
  output("empty", b.slice(x, 0, 1, 1), f32({0, 3}, {}));
  output("joined", b.concat({x, x}, 1), f32({2, 6}, {0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  output("tiled", b.tile(x, {2, 1}), f32({4, 3}, {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}));
  output("widened", b.broadcast_to(b.slice(x, 0, 0, 1), {2, 2, 3}),
         f32({2, 2, 3}, {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
  const Value one = b.slice(b.slice(x, 0, 1, 2), 1, 2, 3);
  output("rank_0", b.reshape(one, {}), f32({}, {5}));
  output("rank_1", b.reshape(b.reshape(one, {}), {1}), f32({1}, {5}));
  output("rank_3", b.reshape(b.reshape(one, {}), {1, 1, 1}), f32({1, 1, 1}, {5}));
  output("aligned", b.align_rank(x, 4), f32({1, 1, 2, 3}, ramp(6)));
  run();
}

TEST_F(BuilderInTract, SymbolicShapes) {
  graph.symbols = {"S"};
  const Value x = input("x", f32({5, 4}, ramp(20)), {S, 4});
  output("flat", b.reshape(x, {S * 4}), f32({20}, ramp(20)));
  output("apart", b.reshape(x, {S, 2, 2}), f32({5, 2, 2}, ramp(20)));
  output("led", b.reshape(x, {1, S, 4}), f32({1, 5, 4}, ramp(20)));
  const Value head = b.slice(x, 0, 0, min(S, 3));
  output("head", head, f32({3, 4}, ramp(12)));
  output("head_flat", b.reshape(head, {min(S, 3) * 4}), f32({12}, ramp(12)));
  const Value half = b.slice(x, 0, 0, floor_div(S, 2));
  output("half_flat", b.reshape(half, {2, floor_div(S, 2), 2}), f32({2, 2, 2}, ramp(8)));
  output("tail", b.slice(x, 0, S - 2, S), f32({2, 4}, {12, 13, 14, 15, 16, 17, 18, 19}));
  output("late", b.reshape(b.slice(x, 0, max(S - 3, 0), S), {(S - max(S - 3, 0)) * 4}),
         f32({12}, {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}));
  output("every_second", b.slice(b.slice(x, 1, 0, 1), 0, 0, S, 2), f32({3, 1}, {0, 8, 16}));
  output("flipped", b.slice(b.slice(x, 1, 0, 1), 0, 0, S, -1), f32({5, 1}, {16, 12, 8, 4, 0}));
  run();
}

TEST_F(BuilderInTract, SymbolicWidening) {
  graph.symbols = {"S"};
  const Value x = input("x", f32({3, 1}, {1, 2, 3}), {S, 1});
  output("square", b.broadcast_to(x, {S, S}), f32({3, 3}, {1, 1, 1, 2, 2, 2, 3, 3, 3}));
  output("led", b.broadcast_to(x, {2, S, 1}), f32({2, 3, 1}, {1, 2, 3, 1, 2, 3}));
  output("tiled", b.tile(x, {1, S}), f32({3, 3}, {1, 1, 1, 2, 2, 2, 3, 3, 3}));
  output("twice", b.concat({x, x}, 0), f32({6, 1}, {1, 2, 3, 1, 2, 3}));
  output("size", b.binary("mul", x, S), f32({3, 1}, {3, 6, 9}));
  output("sum", b.binary("add", b.cast(x, DType::kI64), S * 2 - 1), i64({3, 1}, {6, 7, 8}));
  run();
}

// tract would take the narrow operand for the result.
TEST_F(BuilderInTract, FillsOfSymbolicShapeBesideNarrowOperands) {
  graph.symbols = {"S"};
  const Value x = input("x", i64({2, 1}, {3, 0}), {S, 1});
  const Value positive = b.binary("gt", x, 0);
  const auto filled = [&](std::int64_t number, DType dtype) {
    return b.broadcast_to(b.constant(number, dtype), {S, 2});
  };
  const Value ones = filled(1, DType::kI64), zeros = filled(0, DType::kI64);
  output("one_times_number", b.binary("mul", ones, 7), i64({2, 2}, {7, 7, 7, 7}));
  output("one_times", b.binary("mul", ones, x), i64({2, 2}, {3, 3, 0, 0}));
  output("zero_times", b.binary("mul", x, zeros), i64({2, 2}, {0, 0, 0, 0}));
  output("and_true", b.binary("and", filled(1, DType::kBool), positive), bools({2, 2}, {1, 1, 0, 0}));
  output("or_false", b.binary("or", filled(0, DType::kBool), positive), bools({2, 2}, {1, 1, 0, 0}));
  output("chosen", b.select(filled(1, DType::kBool), x, b.binary("add", x, 1)), i64({2, 2}, {3, 3, 0, 0}));
  output("compared", b.select(b.binary("gt", ones, 0), x, b.binary("add", x, 1)), i64({2, 2}, {3, 3, 0, 0}));
  run();
}

TEST_F(BuilderInTract, LiteralsOfEachType) {
  const Value h = input("h", f16({2}, {1, 2}));
  output("f16_tenth", b.binary("add", h, 0.25), f16({2}, {1.25F, 2.25F}));
  const Value x = input("x", f32({2}, {1, 2}));
  output("f32_third", b.binary("mul", x, 1.0 / 3), f32({2}, {1.0F / 3, 2 * (1.0F / 3)}));
  output("f32_integer", b.binary("add", x, 3), f32({2}, {4, 5}));
  const Value d = b.cast(x, DType::kF64);
  output("f64_tenth", b.binary("mul", d, 0.1), f64({2}, {0.1, 0.2}));
  const Value n = b.cast(x, DType::kI64);
  output("i64_large", b.binary("add", n, std::int64_t{1} << 40),
         i64({2}, {(std::int64_t{1} << 40) + 1, (std::int64_t{1} << 40) + 2}));
  output("i64_minus", b.binary("mul", n, -3), i64({2}, {-3, -6}));
  output("i32", b.binary("add", b.cast(x, DType::kI32), 7), tensor<std::int32_t>(DType::kI32, {2}, {8, 9}));
  output("i16", b.binary("add", b.cast(x, DType::kI16), -300), tensor<std::int16_t>(DType::kI16, {2}, {-299, -298}));
  output("i8", b.binary("add", b.cast(x, DType::kI8), 7), tensor<std::int8_t>(DType::kI8, {2}, {8, 9}));
  output("u8", b.binary("add", b.cast(x, DType::kU8), 200), tensor<std::uint8_t>(DType::kU8, {2}, {201, 202}));
  const Value yes = b.binary("gt", x, 1.5);
  output("bool_or", b.binary("or", yes, true), bools({2}, {1, 1}));
  output("least", b.binary("min", x, std::numeric_limits<double>::infinity()), f32({2}, {1, 2}));
  output("no_number", b.binary("add", x, std::nan("")), f32({2}, {std::nanf(""), std::nanf("")}));
  run(Tolerance::kClose);
}

TEST_F(BuilderInTract, LogicalAndIntegerArithmetic) {
  const Value n = input("n", i64({4}, {-3, 0, 2, 7}));
  const Value m = input("m", i64({4}, {2, 2, 2, -4}));
  for (const auto& [op, items] :
       std::map<std::string, std::vector<std::int64_t>>{{"add", {-1, 2, 4, 3}},
                                                        {"sub", {-5, -2, 0, 11}},
                                                        {"mul", {-6, 0, 4, -28}},
                                                        {"div", {-1, 0, 1, -1}},
                                                        {"min", {-3, 0, 2, -4}},
                                                        {"max", {2, 2, 2, 7}},
                                                        {"tract_core_bitand", {0, 0, 2, 4}},
                                                        {"tract_core_bitor", {-1, 2, 2, -1}},
                                                        {"tract_core_bitxor", {-1, 2, 0, -5}}}) {
    output("i_" + op, b.binary(op, n, m), i64({4}, items));
  }
  for (const auto& [op, items] : std::map<std::string, std::vector<std::uint8_t>>{{"eq", {0, 0, 1, 0}},
                                                                                  {"ne", {1, 1, 0, 1}},
                                                                                  {"lt", {1, 1, 0, 0}},
                                                                                  {"gt", {0, 0, 0, 1}},
                                                                                  {"le", {1, 1, 1, 0}},
                                                                                  {"ge", {0, 0, 1, 1}}}) {
    output("c_" + op, b.binary(op, n, m), bools({4}, items));
  }
  const Value p = b.binary("gt", n, 0), q = b.binary("gt", m, 0);  // 0 0 1 1, 1 1 1 0
  output("and_", b.binary("and", p, q), bools({4}, {0, 0, 1, 0}));
  output("or_", b.binary("or", p, q), bools({4}, {1, 1, 1, 1}));
  output("xor_", b.binary("tract_core_xor", p, q), bools({4}, {1, 1, 0, 1}));
  output("same", b.binary("eq", p, q), bools({4}, {0, 0, 1, 0}));
  output("differ", b.binary("ne", p, q), bools({4}, {1, 1, 0, 1}));
  output("not_", b.unary("not", p), bools({4}, {1, 1, 0, 0}));
  for (const auto& [op, items] :
       std::map<std::string, std::vector<std::int64_t>>{{"neg", {3, 0, -2, -7}},
                                                        {"abs", {3, 0, 2, 7}},
                                                        {"sign", {-1, 0, 1, 1}},
                                                        {"tract_core_bitnot", {2, -1, -3, -8}}}) {
    output("u_" + op, b.unary(op, n), i64({4}, items));
  }
  run();
}

TEST_F(BuilderInTract, SelectsAlignRanksAndTypes) {
  const Value x = input("x", f32({2, 3}, ramp(6)));
  const Value c = b.binary("gt", x, 2.5);
  const Value row = b.slice(c, 0, 1, 2);
  const Value last = b.reshape(b.slice(x, 0, 1, 2), {3});
  output("number", b.select(c, x, -1.0), f32({2, 3}, {-1, -1, -1, 3, 4, 5}));
  output("row", b.select(c, x, last), f32({2, 3}, {3, 4, 5, 3, 4, 5}));
  output("condition", b.select(b.reshape(row, {3}), x, 0.0), f32({2, 3}, ramp(6)));
  output("numbers", b.select(c, 1.0, 0.0), f32({2, 3}, {0, 0, 0, 1, 1, 1}));
  output("integers", b.select(c, 7, -7), i64({2, 3}, {-7, -7, -7, 7, 7, 7}));
  output("logicals", b.select(c, c, false), bools({2, 3}, {0, 0, 0, 1, 1, 1}));
  output("ranks", b.binary("add", x, last), f32({2, 3}, {3, 5, 7, 6, 8, 10}));
  run();
}

TEST_F(BuilderInTract, Reductions) {
  const Value x = input("x", f32({2, 3}, ramp(6)));
  output("rows", b.reduce("sum_reduce", x, {1}, false), f32({2}, {3, 12}));
  output("kept", b.reduce("max_reduce", x, {0}, true), f32({1, 3}, {3, 4, 5}));
  output("all", b.reduce("mean_reduce", x, {1, 0}, false), f32({}, {2.5F}));
  output("place", b.reduce("argmax_reduce", x, {1}, false), i64({2}, {2, 2}));
  output("any", b.reduce("any_reduce", b.binary("gt", x, 3.5), {1}, false), bools({2}, {0, 1}));
  output("product", b.reduce("tract_core_product_reduce", b.cast(x, DType::kI64), {1}, false), i64({2}, {0, 60}));
  const auto best = b.add_multi("tract_core_topk", {x}, {{"k", 2}, {"axis", 1}, {"largest", true}});
  output("best", best[0], f32({2, 2}, {2, 1, 5, 4}));
  output("best_places", best[1], i64({2, 2}, {2, 1, 2, 1}));
  run();
}

// Each of these must stay a result of its own: tract lets no two results share a wire.
TEST_F(BuilderInTract, OutputsThatAreInputsVariablesOrTwice) {
  const Value x = input("x", f32({2}, {1, 2}));
  const Value w = b.variable("w", f32({2}, {3, 4}));
  const Value y = b.binary("add", x, w);
  output("same", x, f32({2}, {1, 2}));
  output("weight", w, f32({2}, {3, 4}));
  output("once", y, f32({2}, {4, 6}));
  output("twice", y, f32({2}, {4, 6}));
  output("constant", b.constant(std::int64_t{5}, DType::kI64), i64({}, {5}));
  output("flag", b.identity(b.binary("gt", x, 1.5)), bools({2}, {0, 1}));
  run();
}

TEST_F(BuilderInTract, SizesAsResults) {
  graph.symbols = {"S"};
  const Value x = input("x", f32({5, 2}, ramp(10)), {S, 2});
  output("y", b.identity(x), f32({5, 2}, ramp(10)));
  output("size", b.add("tract_core_cast", {S * 3 + 1}, {{"to", "i64"}}), i64({}, {16}));
  output("half", b.add("tract_core_cast", {floor_div(S, 2)}, {{"to", "f32"}}), f32({}, {2}));
  run();
}

// Running sums: a scan over a body that a builder of its own made.
TEST_F(BuilderInTract, Scans) {
  graph.symbols = {"S"};
  nnef::Graph body;
  body.name = "step";
  nnef::Builder inner(body, dialect);
  const Value item = inner.parameter("item", DType::kF32, {1, 2});
  const Value sum = inner.parameter("sum", DType::kF32, {1, 2});
  inner.name_output(inner.binary("add", item, sum), "next");
  inner.name_output(body.outputs[0], "seen");
  graph.fragments.push_back({body});
  const Value x = input("x", f32({3, 2}, {1, 2, 3, 4, 5, 6}), {S, 2});
  const Value start = b.variable("start", f32({1, 2}, {10, 20}));
  using nnef::Argument;
  const auto list = [](std::vector<Argument> items) {
    return Argument(Argument::Array{{Argument::tuple(std::move(items))}, false});
  };
  const auto results = b.add_multi("tract_core_scan", {},
                                   {{"body", "step"},
                                    {"scan", list({"item", x, 0, 1})},
                                    {"full", Argument::Array{}},
                                    {"state", list({"sum", start, "next"})},
                                    {"output", list({"seen", "full", 0, 1})}});
  output("sums", results.at(0), f32({3, 2}, {11, 22, 14, 26, 19, 32}));
  run();
}

// Expressions of every kind mean the same to the engine as to Dim::evaluate.
TEST_F(BuilderInTract, DimensionExpressions) {
  graph.symbols = {"S", "T"};
  const Value x = input("x", f32({5, 9}, ramp(45)), {S, Dim::symbol("T")});
  output("y", b.identity(x), f32({5, 9}, ramp(45)));
  const nnef::Bindings sizes = {{"S", 5}, {"T", 9}};
  std::mt19937 random(1);
  const auto below = [&random](std::int64_t count) { return static_cast<std::int64_t>(random()) % count; };
  std::vector<Dim> pool = {S, Dim::symbol("T"), S * 2 + 1, S * Dim::symbol("T"), Dim::symbol("T") - 2};
  for (int i = 0; i < 200; ++i) {
    const Dim a = pool[static_cast<std::size_t>(below(static_cast<std::int64_t>(pool.size())))];
    const Dim c = pool[static_cast<std::size_t>(below(static_cast<std::int64_t>(pool.size())))];
    const Dim number = below(7) + 1;
    const Dim made[] = {a + c,
                        a * number + c,
                        floor_div(a + number, number + 1),
                        ceil_div(a, number),
                        min(a, c + number),
                        max(a, c),
                        max(a - c, 0),
                        remainder(a, number),
                        a - min(a, c)};
    const Dim dim = made[below(std::size(made))];
    const std::int64_t expected = dim.evaluate(sizes);
    if (expected < 0 || expected > 10000 || dim.to_string().size() > 32) continue;
    pool.push_back(dim);
    if (dim.is_constant()) continue;
    output("d" + std::to_string(i), b.add("tract_core_cast", {dim}, {{"to", "i64"}}), i64({}, {expected}));
  }
  run();
}

TEST_F(BuilderInTract, VariablesOfEachType) {
  const Value x = input("x", f32({1}, {0}));
  output("y", b.identity(x), f32({1}, {0}));
  output("f16_", b.variable("a/half", f16({2}, {1.5F, -2})), f16({2}, {1.5F, -2}));
  output("f64_", b.variable("a/double", f64({1}, {0.1})), f64({1}, {0.1}));
  output("i64_", b.variable("a/long", i64({1}, {std::int64_t{1} << 60})), i64({1}, {std::int64_t{1} << 60}));
  output("i32_", b.variable("a/int", tensor<std::int32_t>(DType::kI32, {1}, {-5})),
         tensor<std::int32_t>(DType::kI32, {1}, {-5}));
  output("i16_", b.variable("a/short", tensor<std::int16_t>(DType::kI16, {1}, {-5})),
         tensor<std::int16_t>(DType::kI16, {1}, {-5}));
  output("i8_", b.variable("a/char", tensor<std::int8_t>(DType::kI8, {1}, {-5})),
         tensor<std::int8_t>(DType::kI8, {1}, {-5}));
  output("u8_", b.variable("a/byte", tensor<std::uint8_t>(DType::kU8, {1}, {250})),
         tensor<std::uint8_t>(DType::kU8, {1}, {250}));
  output("bool_", b.variable("a/flag", bools({2}, {1, 0})), bools({2}, {1, 0}));
  run();
}

}  // namespace
}  // namespace torch2nnef
