// Each rule of the table: what it writes, and a neighbour that it leaves alone.
#include "export/simplify/known_forms.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>

#include "export/simplify/graph_facts.h"
#include "export/simplify/linear_form.h"
#include "export/simplify/simplify.h"
#include "export/simplify/stored_shapes.h"
#include "nnef/builder/builder.h"
#include "statements.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Dim;
using nnef::DType;
using nnef::Shape;
using nnef::Value;

const Dim kS = Dim::symbol("S");

// The statements that compute the one output, without the inputs.
std::string written(const std::function<Value(Builder&)>& build, const nnef::Target& target = {}) {
  nnef::Graph graph;
  graph.symbols = {"S"};
  const nnef::Dialect dialect{target};
  Builder b(graph, dialect);
  b.name_output(build(b), "y");
  const std::size_t values = graph.values.size();
  const std::vector<Value> added = use_known_forms(graph, dialect);
  EXPECT_EQ(added.size(), graph.values.size() - values);
  for (Value result : added) EXPECT_LT(static_cast<std::size_t>(result.id), values);
  simplify(graph);
  store_in_shape(graph);
  use_linear(graph);
  b.finish();
  return statements(graph, dialect, {"external", "variable"});
}

nnef::TensorDataPtr zeros(std::vector<std::int64_t> shape) {
  std::int64_t count = 4;
  for (std::int64_t size : shape) count *= size;
  std::vector<std::byte> bytes(static_cast<std::size_t>(count));
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, std::move(shape), std::move(bytes));
}

std::vector<std::byte> bytes_of(const std::vector<std::int64_t>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(std::int64_t));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  return bytes;
}

Value number(Builder& b, std::int64_t value) { return b.constant(value, DType::kI64); }
Value integers(Builder& b) { return b.external("n", DType::kI64, {3}); }
Value listed(Builder& b, const char* label) { return b.variable(label, nnef::vector_tensor(DType::kI64, {4, 5, 6})); }
Value floats(Builder& b, Shape shape = {2, kS, 4}) { return b.external("x", DType::kF32, std::move(shape)); }

Value places(Builder& b, const Dim& start) {
  return b.add("tract_core_range", {}, {{"start", start}, {"end", kS}, {"step", 1}});
}

Value wrapped(Builder& b, Value index) {
  const Value is_negative = b.binary("lt", index, b.constant(std::int64_t{0}, DType::kI64));
  return b.select(is_negative, b.binary("add", index, b.constant(std::int64_t{7}, DType::kI64)), index);
}

Value normalized(Builder& b, Value x, double count) {
  const Value sum = b.add("sum_reduce", {b.binary("mul", x, x)}, {{"axes", std::vector<std::int64_t>{2}}});
  const Value mean = b.binary("div", sum, b.constant(count, DType::kF32));
  return b.binary("mul", x, b.unary("recip", b.unary("sqrt", b.binary("add", mean, 0.5))));
}

// x * cos + concat(-(x from `from` on), (x up to `until`)) * sin
Value rotated(Builder& b, std::int64_t from, std::int64_t begin) {
  const Value x = floats(b, {2, 3, kS, 8}), cos = b.external("cos", DType::kF32, {1, 1, kS, 8});
  const Value sin = b.external("sin", DType::kF32, {1, 1, kS, 8});
  const Value turned = b.concat({b.unary("neg", b.slice(x, 3, from, 8)), b.slice(x, 3, begin, from)}, 3);
  return b.binary("add", b.binary("mul", x, cos), b.binary("mul", turned, sin));
}

Value heads(Builder& b, const std::vector<std::int64_t>& places) {
  const Value q = floats(b, {1, 4, kS, 8}), k = b.external("k", DType::kF32, {1, 2, 5, 8});
  const Value index = b.variable("index", nnef::vector_tensor(DType::kI64, places));
  const Value wide = b.add("tract_core_gather", {k, index}, {{"axis", 1}});
  return b.add("matmul", {q, wide}, {{"transposeA", false}, {"transposeB", true}});
}

// Of the value with that number.
std::string grouped(int first) {
  const std::string rows = "y_" + std::to_string(first), product = "y_" + std::to_string(first + 1);
  return rows + " = reshape(x, shape = [1, 2, 2*S, 8]);\n" + product + " = matmul(" + rows +
         ", k, transposeA = false, transposeB = true);\ny = reshape(" + product + ", shape = [1, 4, S, 5]);\n";
}

struct RuleCase {
  std::function<Value(Builder&)> build;
  std::string text;
};

// x[rows, columns], the rows counted along axis 0 and the columns along axis 2.
Value indexed(Builder& b, const Dim& width, const Dim& first) {
  const Value x = b.external("x", DType::kF32, {kS, 4});
  const Value rows =
      b.unsqueeze(b.add("tract_core_range", {}, {{"start", first}, {"end", kS + first}, {"step", 1}}), {1, 2});
  const Value columns = b.unsqueeze(b.variable("columns", nnef::vector_tensor(DType::kI64, {0, 1, 2, 3})), {0, 1});
  const Value starts = b.binary("mul", rows, b.constant(width.value(), DType::kI64));
  return b.add("tract_core_gather", {b.reshape(x, {kS * 4}), b.binary("add", starts, columns)}, {{"axis", 0}});
}

// A mask of [2, 1, 1, 4] and, to give it more axes, a condition that always holds.
Value masked(Builder& b, std::string_view op) {
  const Value mask = b.external("m", DType::kBool, {2, 1, 1, 4}), x = b.external("x", DType::kF32, {2, 3, 5, 4});
  const Value counted = b.unsqueeze(b.variable("rows", nnef::vector_tensor(DType::kI64, {0, 1, 2, 3, 4})), {0, 1, 3});
  const Value wide = b.binary("and", b.binary("ge", counted, number(b, 0)), mask);
  if (op == "and") return b.binary("and", wide, b.binary("gt", x, 0.0));
  if (op == "select") return b.select(wide, x, 0.0);
  if (op == "add") return b.binary("add", x, b.select(wide, 0.0, 1.0));
  return b.select(b.reduce("any_reduce", wide, {3}, true), x, 0.0);
}

const std::multimap<std::string, RuleCase> kCases = {
    {"plus-zero",
     {[](Builder& b) { return b.unary("neg", b.binary("add", integers(b), number(b, 0))); }, "y = neg(n);\n"}},
    {"minus-zero",
     {[](Builder& b) { return b.unary("neg", b.binary("sub", integers(b), number(b, 0))); }, "y = neg(n);\n"}},
    {"times-one", {[](Builder& b) { return b.unary("exp", b.binary("mul", floats(b), 1.0)); }, "y = exp(x);\n"}},
    {"over-one", {[](Builder& b) { return b.unary("exp", b.binary("div", floats(b), 1.0)); }, "y = exp(x);\n"}},
    {"index-not-negative",
     {[](Builder& b) { return b.unary("neg", wrapped(b, b.cast(b.cast(integers(b), DType::kBool), DType::kI64))); },
      "tract_core_cast = tract_core_cast(n, to = \"bool\");\n"
      "tract_core_cast_1 = tract_core_cast(tract_core_cast, to = \"i64\");\ny = neg(tract_core_cast_1);\n"}},
    {"and-true",
     {[](Builder& b) {
        const Value n = b.cast(b.cast(integers(b), DType::kBool), DType::kI64);
        const Value seen = b.binary("gt", n, b.external("m", DType::kI64, {3}));
        return b.unary("not", b.binary("and", b.binary("ge", n, number(b, 0)), seen));
      },
      "tract_core_cast = tract_core_cast(n, to = \"bool\");\n"
      "tract_core_cast_1 = tract_core_cast(tract_core_cast, to = \"i64\");\n"
      "gt = gt(tract_core_cast_1, m);\ny = not(gt);\n"}},
    {"rms-norm",
     {[](Builder& b) { return normalized(b, floats(b), 4); }, "y = tract_core_rms_norm(x, axis = 2, eps = 0.5);\n"}},
    {"rotary", {[](Builder& b) { return rotated(b, 4, 0); }, "y = tract_transformers_apply_rope(x, cos, sin);\n"}},
    {"constant-arithmetic",
     {[](Builder& b) { return b.binary("mul", integers(b), b.binary("add", listed(b, "a"), number(b, 2))); },
      "y = mul(n, add);\n"}},
    {"constant-arithmetic",
     {[](Builder& b) { return b.binary("mul", integers(b), b.binary("sub", number(b, 1), listed(b, "a"))); },
      "y = mul(n, sub);\n"}},
    {"constant-arithmetic",
     {[](Builder& b) { return b.binary("add", integers(b), b.binary("mul", listed(b, "a"), listed(b, "b"))); },
      "y = add(n, mul);\n"}},
    {"index-in-order",
     {[](Builder& b) {
        const Value index = b.variable("a", nnef::vector_tensor(DType::kI64, {0, 1, 2}));
        return b.unary("neg", b.add("tract_core_gather", {integers(b), index}, {{"axis", 0}}));
      },
      "y = neg(n);\n"}},
    {"narrow", {[](Builder& b) { return masked(b, "and"); }, "gt = gt(x, 0.0);\ny = and(m, gt);\n"}},
    {"narrow", {[](Builder& b) { return masked(b, "select"); }, "y = select(m, x, 0.0);\n"}},
    {"narrow",
     {[](Builder& b) { return masked(b, "add"); }, "select_1 = select(m, 0.0, 1.0);\ny = add(x, select_1);\n"}},
    {"narrow",
     {[](Builder& b) { return masked(b, "any"); },
      "any_reduce_1 = any_reduce(m, axes = [3]);\ny = select(any_reduce_1, x, 0.0);\n"}},
    {"repeated",
     {[](Builder& b) {
        const Value m = b.external("m", DType::kF32, {2, 1, 4}), wide = b.broadcast_to(m, {2, kS, 4});
        return b.select(b.binary("ne", wide, 1.0), b.broadcast_to(b.constant(0.0, DType::kF32), {2, kS, 4}), floats(b));
      },
      "ne_1 = ne(m, 1.0);\ny = select(ne_1, literal_f32_0, x);\n"}},
    {"select-true",
     {[](Builder& b) {
        const Value n = b.cast(b.cast(integers(b), DType::kBool), DType::kI64);
        const Value seen = b.reduce("any_reduce", b.unsqueeze(b.binary("ge", n, number(b, 0)), {0, 2}), {1}, true);
        return b.unary("exp", b.select(seen, floats(b, {1, 4, 5}), 0.0));
      },
      "y = exp(x);\n"}},
    {"softmax-of-sum",
     {[](Builder& b) {
        const Value n = b.cast(b.cast(integers(b), DType::kBool), DType::kI64);
        const Value hidden = b.select(b.binary("ge", n, number(b, 0)), 0.0, -1e9);
        const Value sum = b.binary("add", floats(b, {2, 4, 3}), b.unsqueeze(hidden, {0, 1}));
        return b.add("softmax", {sum}, {{"axes", std::vector<std::int64_t>{2}}});
      },
      "y = softmax(x, axes = [2]);\n"}},
    {"select-not",
     {[](Builder& b) {
        const Value m = b.external("m", DType::kBool, {2, kS, 4});
        return b.select(b.unary("not", m), floats(b), 0.0);
      },
      "y = select(m, 0.0, x);\n"}},
    {"index-of-all", {[](Builder& b) { return indexed(b, 4, 0); }, "y = unsqueeze(x, axes = [1]);\n"}},
    {"flipped-factor",
     {[](Builder& b) {
        const Value x = floats(b), k = b.external("k", DType::kF32, {2, 5, 4});
        return b.add("matmul", {x, b.transpose(k, {0, 2, 1})}, {{"transposeA", false}, {"transposeB", false}});
      },
      "y = matmul(x, k, transposeA = false, transposeB = true);\n"}},
    {"grouped-product",
     {[](Builder& b) {
        return heads(b, {0, 0, 1, 1});
      },
      grouped(1)}},
    {"grouped-product",
     {[](Builder& b) {
        const Value q = floats(b, {1, 4, kS, 8}), k = b.external("k", DType::kF32, {1, 2, 5, 8});
        const Value wide = b.tile(b.unsqueeze(k, {2}), {1, 1, 2, 1, 1});
        return b.add("matmul", {q, b.reshape(wide, {1, 4, 5, 8})}, {{"transposeA", false}, {"transposeB", true}});
      },
      grouped(2)}},
};

TEST(KnownForms, EachRuleWritesItsForm) {
  for (const auto& [name, one] : kCases) EXPECT_EQ(written(one.build), one.text) << name;
  for (std::string_view name : known_form_names()) EXPECT_EQ(kCases.count(std::string(name)) > 0, true) << name;
}

TEST(KnownForms, WhatOnlyLooksAlikeStays) {
  // -0.0 + 0.0 is 0.0.
  EXPECT_NE(written([](Builder& b) { return b.unary("exp", b.binary("add", floats(b), 0.0)); }).find("add("),
            std::string::npos);
  EXPECT_NE(written([](Builder& b) { return b.unary("neg", b.binary("sub", number(b, 0), integers(b))); }).find("sub("),
            std::string::npos);
  EXPECT_NE(written([](Builder& b) { return b.unary("recip", b.binary("div", 1.0, floats(b))); }).find("div("),
            std::string::npos);
  EXPECT_NE(written([](Builder& b) { return b.unary("neg", wrapped(b, integers(b))); }).find("select("),
            std::string::npos);
  EXPECT_NE(written([](Builder& b) { return b.unary("neg", wrapped(b, places(b, Dim(-1)))); }).find("select("),
            std::string::npos);
  EXPECT_NE(written([](Builder& b) { return normalized(b, floats(b), 5); }).find("sqrt("), std::string::npos);
  EXPECT_NE(written([](Builder& b) { return heads(b, {0, 1, 0, 1}); }).find("gather("), std::string::npos);
}

TEST(KnownForms, RulesFollowEachOther) {
  const auto build = [](Builder& b) {
    const Value q = floats(b, {1, 4, kS, 8}), k = b.external("k", DType::kF32, {1, 2, 5, 8});
    const Value index = b.variable("index", nnef::vector_tensor(DType::kI64, {0, 0, 1, 1}));
    const Value wide = b.add("tract_core_gather", {k, index}, {{"axis", 1}});
    return b.add("matmul", {q, b.transpose(wide, {0, 1, 3, 2})}, {{"transposeA", false}, {"transposeB", false}});
  };
  const std::string text = written(build);
  EXPECT_EQ(text.find("gather("), std::string::npos) << text;
  EXPECT_NE(text.find(", k, transposeA = false, transposeB = true)"), std::string::npos) << text;
}

TEST(KnownForms, WhatIsWrittenTwiceIsMadeOnce) {
  const auto build = [](Builder& b) {
    const Value x = floats(b), squares = b.binary("mul", x, x);
    const Value mean = b.add("mean_reduce", {squares}, {{"axes", std::vector<std::int64_t>{2}}});
    const Value scale = b.unary("rsqrt", b.binary("add", mean, 0.5));
    const Value one = b.binary("mul", x, scale), other = b.binary("mul", scale, x);
    return b.binary("sub", b.unary("exp", one), b.unary("neg", other));
  };
  const std::string text = written(build);
  EXPECT_EQ(text.find("rms_norm(x"), text.rfind("rms_norm(x")) << text;
  EXPECT_EQ(text.find(" mul("), std::string::npos) << text;
}

TEST(KnownForms, AnIndexOfOtherPlacesStays) {
  EXPECT_NE(written([](Builder& b) { return indexed(b, 3, 0); }).find("gather("), std::string::npos);
  EXPECT_NE(written([](Builder& b) { return indexed(b, 4, 1); }).find("gather("), std::string::npos);
}

TEST(KnownForms, AnIndexFromARangeIsNotNegative) {
  EXPECT_EQ(written([](Builder& b) { return b.unary("neg", wrapped(b, places(b, Dim(0)))); }).find("select("),
            std::string::npos);
}

TEST(KnownForms, OlderReleasesHaveNoRootMeanSquare) {
  const auto build = [](Builder& b) { return normalized(b, floats(b), 4); };
  EXPECT_NE(written(build, *nnef::Target::parse("tract@0.22.4")).find("recip("), std::string::npos);
}

// What the rules compute of integers that are known.
TEST(KnownForms, ConstantsAreComputedAsTheEngineDoes) {
  const std::map<std::string, std::vector<std::int64_t>> expected = {
      {"add", {3, 2, 6, 5, 9, 8}}, {"sub", {-3, -2, 0, 1, 3, 4}}, {"mul", {0, 0, 9, 6, 18, 12}}};
  for (const auto& [op, items] : expected) {
    nnef::Graph graph;
    const nnef::Dialect dialect{nnef::Target{}};
    Builder b(graph, dialect);
    const Value column = b.reshape(b.variable("c", nnef::vector_tensor(DType::kI64, {0, 3, 6})), {3, 1});
    const Value stored = b.variable("column", std::make_shared<nnef::OwnedTensor>(
                                                  DType::kI64, std::vector<std::int64_t>{3, 1}, bytes_of({0, 3, 6})));
    const Value row = b.variable(
        "row", std::make_shared<nnef::OwnedTensor>(DType::kI64, std::vector<std::int64_t>{1, 2}, bytes_of({3, 2})));
    b.name_output(b.binary("add", b.binary(op, stored, row), column), "y");
    use_known_forms(graph, dialect);
    simplify(graph);
    const auto made = graph.variables.find(op);
    ASSERT_NE(made, graph.variables.end()) << op;
    EXPECT_EQ(whole_tensor<std::int64_t>(*made->second), items) << op;
  }
}

TEST(KnownForms, AListInAnotherOrderIsRead) {
  const auto build = [](Builder& b) {
    const Value index = b.variable("a", nnef::vector_tensor(DType::kI64, {0, 2, 1}));
    return b.add("tract_core_gather", {integers(b), index}, {{"axis", 0}});
  };
  EXPECT_NE(written(build).find("gather("), std::string::npos);
}

TEST(KnownForms, ATurnOfUnequalPartsStays) {
  EXPECT_NE(written([](Builder& b) { return rotated(b, 3, 0); }).find("concat("), std::string::npos);
}

Value layer(Builder& b, bool is_flipped, bool reads_product) {
  const Value w =
      b.variable("w", zeros(is_flipped ? std::vector<std::int64_t>{1, 5, 4} : std::vector<std::int64_t>{1, 4, 5}));
  const Value product = b.add("matmul", {floats(b), w}, {{"transposeA", false}, {"transposeB", is_flipped}});
  const Value sum = b.binary("add", product, b.variable("bias", zeros({1, 1, 5})));
  return reads_product ? b.binary("mul", product, sum) : sum;
}

TEST(LinearForm, TakesABiasIn) {
  EXPECT_EQ(written([](Builder& b) { return layer(b, true, false); }), "y = linear(x, w, bias);\n");
}

TEST(LinearForm, LeavesOtherProducts) {
  for (const bool is_flipped : {false, true}) {
    const std::string text = written([&](Builder& b) { return layer(b, is_flipped, is_flipped); });
    EXPECT_NE(text.find("matmul("), std::string::npos) << text;
    EXPECT_EQ(text.find("linear("), std::string::npos) << text;
  }
}

TEST(StoredShapes, AVariableThatIsOnlyUnsqueezedHasTheAxes) {
  const auto build = [](Builder& b) {
    const Value w = b.variable("w", zeros({4}));
    return b.binary("mul", b.binary("mul", floats(b), b.unsqueeze(w, {0, 1})), b.unsqueeze(w, {0, 1}));
  };
  EXPECT_EQ(written(build), "mul = mul(x, w);\ny = mul(mul, w);\n");
}

TEST(StoredShapes, AVariableThatIsReadAsItIsStays) {
  const auto build = [](Builder& b) {
    const Value w = b.variable("w", zeros({4}));
    return b.binary("mul", b.binary("mul", floats(b), b.unsqueeze(w, {0, 1})), b.unsqueeze(b.unary("exp", w), {0, 1}));
  };
  EXPECT_NE(written(build).find("unsqueeze(w, axes = [0, 1])"), std::string::npos);
}

}  // namespace
}  // namespace torch2nnef
