// The formulas of src/quant, evaluated, against what libtorch computes.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "export/record/torch_types.h"
#include "export/tape/tape.h"
#include "export/verify/reference/evaluator.h"
#include "quant/bfloat16.h"
#include "quant/stored_value.h"
#include "quant/tolerance.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Value;
using Form = Representation::Form;

// What the operations that `make` adds give for an input x.
std::vector<at::Tensor> evaluated(const at::Tensor& x, const std::function<std::vector<Value>(Builder&, Value)>& make) {
  nnef::Graph graph;
  const nnef::Dialect dialect{nnef::Target{}};
  Builder b(graph, dialect);
  const Value input = b.external("x", *to_nnef(from_torch(x.scalar_type())), nnef::make_shape(x.sizes().vec()));
  graph.outputs = make(b, input);
  Evaluator evaluator(graph, dialect, {x});
  evaluator.run();
  std::vector<at::Tensor> results;
  for (Value output : graph.outputs) results.push_back(evaluator.value(output));
  return results;
}

bool is_equal(const at::Tensor& a, const at::Tensor& b) { return a.sizes() == b.sizes() && a.eq(b).all().item<bool>(); }

at::Tensor spread() { return at::linspace(-3.3, 4.1, 60).reshape({3, 20}); }

TEST(Representation, EveryDtypeHasOne) {
  EXPECT_EQ(representation_of(ScalarType::kInt16).form, Form::kPlain);
  EXPECT_EQ(representation_of(ScalarType::kBFloat16).form, Form::kRounded);
  EXPECT_EQ(representation_of(ScalarType::kComplex128).form, Form::kPair);
  EXPECT_EQ(representation_of(ScalarType::kComplex128).item, nnef::DType::kF64);
  EXPECT_EQ(representation_of(ScalarType::kQInt8).form, Form::kCodes);
  EXPECT_EQ(representation_of(ScalarType::kQInt8).range.low, -128);
  EXPECT_EQ(representation_of(ScalarType::kQUInt8).range.high, 255);
  EXPECT_EQ(representation_of(ScalarType::kOther).form, Form::kNone);
  EXPECT_EQ(to_nnef(ScalarType::kQInt8), std::nullopt);
  EXPECT_EQ(part_type(ScalarType::kComplex32), ScalarType::kFloat16);
}

TEST(Affine, OneScaleForAll) {
  const AffineParameters parameters{{0.03}, {-7}};
  const at::Tensor x = spread(), torchs = at::quantize_per_tensor(x, 0.03, -7, at::kQInt8);
  const auto results = evaluated(x, [&](Builder& b, Value value) {
    const AffineOperands operands = operands_of(b, "x", parameters, 2);
    const Value codes = codes_of_numbers(b, value, operands, representation_of(ScalarType::kQInt8).range);
    return std::vector{items_of_codes(b, codes, operands.zero_point), numbers_of_codes(b, codes, operands.scale),
                       codes_of_items(b, items_of_codes(b, codes, operands.zero_point), operands.zero_point), codes};
  });
  EXPECT_TRUE(is_equal(results[0], torchs.int_repr()));
  EXPECT_TRUE(at::allclose(results[1], torchs.dequantize()));
  EXPECT_TRUE(is_equal(results[2], results[3]));
}

TEST(Affine, AScaleAndAZeroPointForEachPlaceOfAnAxis) {
  const AffineParameters parameters{{0.03, 0.5, 0.001}, {0, 12, 100}, 0};
  const at::Tensor x = spread();
  const at::Tensor torchs =
      at::quantize_per_channel(x, at::tensor(parameters.scales), at::tensor(parameters.zero_points), 0, at::kQUInt8);
  const auto results = evaluated(x, [&](Builder& b, Value value) {
    const AffineOperands operands = operands_of(b, "x", parameters, 2);
    const Value codes = codes_of_numbers(b, value, operands, representation_of(ScalarType::kQUInt8).range);
    return std::vector{items_of_codes(b, codes, operands.zero_point), numbers_of_codes(b, codes, operands.scale)};
  });
  EXPECT_TRUE(is_equal(results[0], torchs.int_repr()));
  EXPECT_TRUE(at::allclose(results[1], torchs.dequantize()));
}

TEST(Affine, ParametersAreChosenAsTorchDoes) {
  for (const at::Tensor& x : {spread(), spread() + 9, spread() - 9, at::zeros({4})}) {
    const at::Tensor torchs = at::quantize_per_tensor_dynamic(x, at::kQUInt8, false);
    const auto results = evaluated(x, [](Builder& b, Value value) {
      const AffineOperands chosen = chosen_operands(b, value, representation_of(ScalarType::kQUInt8).range);
      return std::vector{*chosen.scale.value(), *chosen.zero_point.value()};
    });
    EXPECT_FLOAT_EQ(results[0].item<float>(), static_cast<float>(torchs.q_scale()));
    EXPECT_EQ(results[1].item<float>(), static_cast<float>(torchs.q_zero_point()));
  }
}

TEST(BFloat16, RoundsAsTorchDoes) {
  const at::Tensor x =
      at::tensor({1.00390625, 1.01171875, 1.0, -1.0039062501, 3.0e-38, 65535.0, 0.0, 1e38}).to(at::kFloat);
  const auto results = evaluated(x, [](Builder& b, Value value) { return std::vector{cast_to_bfloat16(b, value)}; });
  EXPECT_TRUE(is_equal(results[0], x.to(at::kBFloat16).to(at::kFloat)));
}

TEST(StoredValue, APairIsMadeFromEitherForm) {
  const at::Tensor x = at::arange(12).to(at::kFloat).reshape({3, 2, 2});
  const auto results = evaluated(x, [](Builder& b, Value value) {
    StoredValue stored, other;
    stored.set_packed(value);
    const ComplexParts parts = stored.parts(b);
    other.set_parts(parts);
    return std::vector{parts.re, parts.im, other.packed(b)};
  });
  EXPECT_TRUE(is_equal(results[0], x.select(-1, 0)));
  EXPECT_TRUE(is_equal(results[1], x.select(-1, 1)));
  EXPECT_TRUE(is_equal(results[2], x));
}

TEST(Affine, RoundsAsTorchDoesWithTheSmallestAndLargestCodes) {
  const at::Tensor x = at::tensor({-300.5, -0.5, 0.5, 1.5, 2.5, 2.4999, 126.5, 300.0}, at::kFloat);
  const auto results = evaluated(x, [&](Builder& b, Value value) {
    const nnef::Argument zero = b.literal(3.0, nnef::DType::kF32);
    const ItemRange range = representation_of(ScalarType::kQInt8).range;
    return std::vector{rounded_codes(b, value, zero, range).codes, rounded_codes(b, value, zero, range, true).codes,
                       rounded_codes(b, value, zero, representation_of(ScalarType::kQInt32).range).codes};
  });
  EXPECT_TRUE(is_equal(results[0], at::tensor({-131., 0., 0., 2., 2., 2., 124., 124.}, at::kFloat)));
  EXPECT_TRUE(is_equal(results[1], at::tensor({0., 0., 0., 2., 2., 2., 124., 124.}, at::kFloat)));
  EXPECT_TRUE(is_equal(results[2], at::tensor({-300., 0., 0., 2., 2., 2., 126., 300.}, at::kFloat)));
}

TEST(Affine, BytesAreTheItemsOfI8) {
  const ItemRange u8 = representation_of(ScalarType::kQUInt8).range;
  EXPECT_EQ(shift_to_bytes(ScalarType::kQUInt8, 60), -68);
  EXPECT_EQ(shift_to_bytes(ScalarType::kQInt8, 5), 5);
  const at::Tensor x = at::tensor({-300.5, -0.5, 0.5, 1.5, 2.5, 126.5, 300.0}, at::kFloat);
  const auto results = evaluated(x, [&](Builder& b, Value value) {
    StoredValue stored;
    const RoundedCodes rounded = rounded_codes(b, value, b.literal(60.0, nnef::DType::kF32), u8);
    stored.set_codes(rounded.codes);
    return std::vector{bytes_of_steps(b, value), stored.bytes(b, -68), bytes_of_sum(b, rounded.sum, -68)};
  });
  EXPECT_TRUE(is_equal(results[0], at::tensor({-128, 0, 0, 2, 2, 126, 127}, at::kChar)));
  EXPECT_TRUE(is_equal(results[1], at::tensor({-128, -68, -68, -66, -66, 58, 127}, at::kChar)));
  EXPECT_TRUE(is_equal(results[2], results[1]));
}

TEST(Tolerance, IsHalfAStepOfTheExactResult) {
  const CodeRule rule{{-128, 127}, kCodeSlack};
  EXPECT_EQ(tally_codes({3, -128, 127}, {3.5004, -400, 126.6}, rule).outside, 0);
  EXPECT_EQ(tally_codes({3, 4}, {3.502, 3.4}, rule).outside, 2);
  EXPECT_EQ(tally_codes({3, 4}, {3.4, 3.4}, rule).first, 1);
  EXPECT_EQ(tally_codes({std::nan("")}, {3.0}, rule).outside, 1);
  EXPECT_EQ(tally_codes({3.25, 128}, {3.25, 127}, rule).outside, 2);  // no codes
  EXPECT_NEAR(slack_with_bias(0.02, 0.05, 0.1), 0.006, 1e-12);
}

TEST(Tolerance, TiesGoToAnEvenCodeWhereArithmeticIsExact) {
  CodeRule rule{{-128, 127}, kCodeSlack, true, 2};
  EXPECT_EQ(tally_codes({2, 2, 3}, {1.5, 2.5, 2.5}, rule).outside, 1);
  rule.zero_point = 1;  // counted from 0, an odd code is even
  EXPECT_EQ(tally_codes({2, 2, 3}, {1.5, 2.5, 2.5}, rule).outside, 0);
  EXPECT_TRUE(is_short_scale(0.0625));
  EXPECT_FALSE(is_short_scale(0.1));
}

TEST(Tolerance, OutputsMayDifferAsMovedCodesDo) {
  EXPECT_EQ(accepted_rms(1.5, 0.5), 3.25);
  EXPECT_NEAR(step_of({0.4F, 0.2F, 1.0F, 0.2F}), 0.2, 1e-6);
  EXPECT_EQ(step_of({0.3, 0.1, 0.55}), 0);
  EXPECT_EQ(step_of({0.3}), 0);
}

}  // namespace
}  // namespace torch2nnef
