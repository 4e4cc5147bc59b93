#include "export/verify/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nnef/builder/builder.h"
#include "nnef/half.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

using nnef::DType;
using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::i64;
using torch2nnef_test::tensor;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(Tolerance, NamesAreTracts) {
  for (const char* name : {"exact", "close", "approximate", "very", "super", "ultra"}) {
    const auto level = tolerance_from_string(name);
    ASSERT_TRUE(level) << name;
    EXPECT_EQ(to_string(*level), name);
  }
  EXPECT_FALSE(tolerance_from_string("Exact"));
  EXPECT_FALSE(tolerance_from_string(""));
}

TEST(Tolerance, ANumberIsBothBounds) {
  const auto tolerance = tolerance_from_string("2e-3");
  ASSERT_TRUE(tolerance);
  EXPECT_EQ(tolerance_bounds(*tolerance, DType::kF32), (ToleranceBounds{2e-3, 2e-3, 0}));
  EXPECT_EQ(tolerance_bounds(*tolerance, DType::kF16), (ToleranceBounds{2e-3, 5e-3, 0}));
  EXPECT_EQ(to_string(*tolerance), "0.002");
  EXPECT_EQ(Tolerance::kDefault, Tolerance::of(1e-4));
  for (const char* text : {"0", "-1e-3", "1", "nan", "1e-3x", "1e-3,1e-3"}) EXPECT_FALSE(tolerance_from_string(text));
}

TEST(Tolerance, NumbersAreTracts) {
  const ToleranceBounds wide = tolerance_bounds(Tolerance::kApproximate, DType::kF32);
  EXPECT_EQ(wide.absolute, 1e-4);
  EXPECT_EQ(wide.relative, 5e-4);
  EXPECT_EQ(tolerance_bounds(Tolerance::kApproximate, DType::kF16).relative, 5e-3);
  EXPECT_EQ(tolerance_bounds(Tolerance::kClose, DType::kF16).absolute, 1e-3);
  EXPECT_EQ(tolerance_bounds(Tolerance::kUltra, DType::kF64).outliers, 5e-4);
  EXPECT_EQ(tolerance_bounds(Tolerance::kUltra, DType::kI64).absolute, 0);
}

struct Pair {
  const char* name;
  nnef::TensorDataPtr expected, actual;
  Tolerance tolerance;
  std::string detail;  // "" when they agree
};

TEST(CompareTensors, BoundsFollowTheSize) {
  const auto expected = f32({2}, {2e-9F, 1e-9F}), wrong = f32({2}, {2e-9F, 1.1e-9F}), zero = f32({2}, {0, 0});
  EXPECT_FALSE(compare_tensors(*expected, *wrong, Tolerance::kDefault, 0).agrees);
  EXPECT_FALSE(compare_tensors(*expected, *zero, Tolerance::kDefault, 0).agrees);
  EXPECT_TRUE(compare_tensors(*expected, *wrong, Tolerance::kDefault, 1).agrees);
  EXPECT_FALSE(compare_tensors(*f32({2}, {2e9F, 1e9F}), *f32({2}, {2e9F, 1.001e9F}), Tolerance::kDefault, 0).agrees);
  EXPECT_FALSE(compare_tensors(*zero, *expected, Tolerance::kDefault, 0).agrees);
  EXPECT_TRUE(compare_tensors(*zero, *zero, Tolerance::kDefault, 0).agrees);
}

TEST(CompareTensors, Range) {
  const Range range = range_of(*f32({3}, {2, -1, kNaN}));
  EXPECT_EQ(range.low, -1);
  EXPECT_EQ(range.high, 2);
  EXPECT_EQ(range.count, 3);
  EXPECT_TRUE(range.has_others);
  EXPECT_EQ(range_of(*i64({2}, {5, 5})).low, 5);
}

TEST(CompareTensors, Table) {
  const std::int64_t big = std::int64_t{1} << 53;
  const Pair pairs[] = {
      {"equal", f32({2}, {1, -2}), f32({2}, {1, -2}), Tolerance::kExact, ""},
      {"empty", f32({0, 3}, {}), f32({0, 3}, {}), Tolerance::kExact, ""},
      {"rank 0", f32({}, {1}), f32({}, {2}), Tolerance::kClose,
       "1 of 1 values differ by more than the tolerance, the most at []: 2 instead of 1"},
      {"within absolute", f32({2}, {0, 1}), f32({2}, {9e-5f, 1}), Tolerance::kApproximate, ""},
      {"within relative", f32({1}, {1000}), f32({1}, {1000.49f}), Tolerance::kApproximate, ""},
      {"outside", f32({1, 3}, {1, 2, 3}), f32({1, 3}, {1.1f, 2.5f, 3}), Tolerance::kApproximate,
       "2 of 3 values differ by more than the tolerance, the most at [0, 1]: 2.5 instead of 2"},
      {"shape", f32({2, 1}, {1, 2}), f32({2}, {1, 2}), Tolerance::kUltra, "shape [2] instead of [2, 1]"},
      {"dtype", f32({1}, {1}), i64({1}, {1}), Tolerance::kUltra, "dtype i64 instead of f32"},
      {"NaN is NaN", f32({2}, {kNaN, 1}), f32({2}, {-kNaN, 1}), Tolerance::kExact, ""},
      {"NaN for a number", f32({1}, {1}), f32({1}, {kNaN}), Tolerance::kUltra,
       "1 of 1 values differ by more than the tolerance, the most at [0]: nan instead of 1"},
      {"infinity", f32({2}, {kInf, -kInf}), f32({2}, {kInf, -kInf}), Tolerance::kExact, ""},
      {"other infinity", f32({1}, {kInf}), f32({1}, {-kInf}), Tolerance::kUltra,
       "1 of 1 values differ by more than the tolerance, the most at [0]: -inf instead of inf"},
      {"infinity for a number", f32({1}, {3e38f}), f32({1}, {kInf}), Tolerance::kUltra,
       "1 of 1 values differ by more than the tolerance, the most at [0]: inf instead of 3e+38"},
      {"zeros of both signs", f32({1}, {0.0f}), f32({1}, {-0.0f}), Tolerance::kExact, ""},
      {"large integers", i64({1}, {big}), i64({1}, {big + 1}), Tolerance::kUltra,
       "1 of 1 values differ, the most at [0]: 9007199254740993 instead of 9007199254740992"},
      {"bools by meaning", tensor<std::uint8_t>(DType::kBool, {2}, {0, 1}),
       tensor<std::uint8_t>(DType::kBool, {2}, {0, 255}), Tolerance::kExact, ""},
      {"bools", tensor<std::uint8_t>(DType::kBool, {2}, {0, 1}), tensor<std::uint8_t>(DType::kBool, {2}, {1, 1}),
       Tolerance::kUltra, "1 of 2 values differ, the most at [0]: true instead of false"},
      {"f16", f16({1}, {1}), f16({1}, {1.004f}), Tolerance::kApproximate, ""},
      {"f16 outside", f16({1}, {1}), f16({1}, {1.0625f}), Tolerance::kApproximate,
       "1 of 1 values differ by more than the tolerance, the most at [0]: 1.0625 instead of 1"},
      {"f16 saved as f32", f16({2}, {0.1f, kNaN}), cast_float(*f16({2}, {0.1f, kNaN}), DType::kF32), Tolerance::kExact,
       ""},
      {"f32 in the place of f16", f16({1}, {0.1f}), f32({1}, {0.1f}), Tolerance::kUltra,
       "dtype f32 instead of f16 (it holds values that f16 does not have)"},
  };
  for (const Pair& pair : pairs) {
    const Comparison comparison = compare_tensors(*pair.expected, *pair.actual, pair.tolerance, 1);
    EXPECT_EQ(comparison.detail, pair.detail) << pair.name;
    EXPECT_EQ(comparison.agrees, pair.detail.empty()) << pair.name;
  }
}

TEST(CompareTensors, SomeLevelsForgiveAFewOutliers) {
  std::vector<float> ones(20000, 1.0f), two_off = ones, three_off = ones;
  two_off[7] = two_off[8] = 9;
  three_off[7] = three_off[8] = three_off[9] = 9;
  const auto expected = f32({20000}, ones);
  EXPECT_TRUE(compare_tensors(*expected, *f32({20000}, two_off), Tolerance::kSuper, 1).agrees);
  EXPECT_FALSE(compare_tensors(*expected, *f32({20000}, three_off), Tolerance::kSuper, 1).agrees);
  EXPECT_FALSE(compare_tensors(*expected, *f32({20000}, two_off), Tolerance::kVery, 1).agrees);
}

// A cast to f32 does not take the rounding errors of f16 away that two right kernels differ by.
TEST(CompareOutputs, WhatWasComputedInHalfIsHeldToItsBounds) {
  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Builder builder(graph, dialect);
  const nnef::Value x = builder.external("x", DType::kF32, nnef::make_shape({1}));
  const nnef::Value stored = builder.variable("w", f16({1}, {0.5f}));
  const nnef::Value half = builder.add("tanh", {builder.cast(x, DType::kF16)});
  builder.name_output(builder.cast(half, DType::kF32), "through_half");
  builder.name_output(builder.add("mul", {x, builder.cast(stored, DType::kF32)}), "weights_in_half");
  builder.name_output(builder.add("tanh", {x}), "in_f32");
  builder.finish();
  const std::set<std::string> half_outputs = outputs_through_half(graph);
  EXPECT_EQ(half_outputs, std::set<std::string>{"through_half"});
  const std::vector<nnef::NamedTensor> expected = {{"through_half", f32({1}, {1})}, {"in_f32", f32({1}, {1})}};
  const std::vector<nnef::NamedTensor> near = {{"through_half", f32({1}, {1.001f})}, {"in_f32", f32({1}, {1.001f})}};
  const ToleranceOf coarser = {{"through_half", in_half(Tolerance::kApproximate)}};
  const auto outputs = compare_outputs(expected, near, Tolerance::kApproximate, coarser);
  EXPECT_TRUE(outputs[0].agrees) << outputs[0].detail;
  EXPECT_FALSE(outputs[1].agrees);
  const std::vector<nnef::NamedTensor> far = {{"through_half", f32({1}, {1.1f})}};
  EXPECT_FALSE(compare_outputs({expected[0]}, far, Tolerance::kApproximate, coarser)[0].agrees);
}

TEST(CompareTensors, SaysHowFarApart) {
  const Comparison comparison =
      compare_tensors(*f32({2, 2}, {1, 4, 0, 8}), *f32({2, 2}, {1, 5, 0.5f, 8}), Tolerance::kClose, 1);
  EXPECT_EQ(comparison.max_abs, 1);
  EXPECT_EQ(comparison.max_rel, 0.25);
  EXPECT_EQ(comparison.outside, 2);
  EXPECT_EQ(comparison.where, (std::vector<std::int64_t>{0, 1}));
}

TEST(CompareOutputs, ByName) {
  const auto outputs =
      compare_outputs({{"a", f32({1}, {1})}, {"b", f32({1}, {2})}, {"c", f32({1}, {3})}},
                      {{"unasked", f32({1}, {0})}, {"b", f32({1}, {5})}, {"a", f32({1}, {1})}}, Tolerance::kClose);
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_TRUE(outputs[0].agrees);
  EXPECT_FALSE(outputs[1].agrees);
  EXPECT_EQ(outputs[1].max_abs, 3);
  EXPECT_FALSE(outputs[2].agrees);
  EXPECT_EQ(outputs[2].detail, "is not among the engine's results");
}

TEST(Half, EveryValueComesBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float number = nnef::half_value(half);
    if (std::isnan(number)) continue;
    ASSERT_EQ(nnef::half_bits(number), half) << number;
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(nnef::half_value(nnef::half_bits(1 + 0x1p-11)), 1.0f);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(1 + 0x1.8p-10)), 1 + 0x1p-9f);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(1 + 0x1p-11 + 0x1p-40)), 1 + 0x1p-10f);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(65519.99)), 65504.0f);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(65520.0)), kInf);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(-1e300)), -kInf);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(0x1p-25)), 0.0f);
  EXPECT_EQ(nnef::half_value(nnef::half_bits(0x1.8p-25)), 0x1p-24f);
  EXPECT_TRUE(std::isnan(nnef::half_value(nnef::half_bits(std::nan("")))));
  EXPECT_THROW(cast_float(*i64({1}, {1}), DType::kF32), std::invalid_argument);
}

}  // namespace
}  // namespace torch2nnef
