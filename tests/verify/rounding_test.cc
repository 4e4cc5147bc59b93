#include "export/verify/rounding.h"

#include <gtest/gtest.h>

#include <limits>

#include "tensors.h"

namespace torch2nnef {
namespace {

using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::tensor;

nnef::TensorDataPtr f64(const std::vector<double>& items) {
  return tensor(nnef::DType::kF64, {static_cast<std::int64_t>(items.size())}, items);
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(Rounding, BothSidesAreAsFarFromF64) {
  const auto rounding = rounding_of(*f32({2}, {1.001f, 2}), *f32({2}, {0.998f, 2}), *f64({1, 2}));
  ASSERT_TRUE(rounding);
  EXPECT_NEAR(rounding->expected, 1e-3, 1e-6);
  EXPECT_NEAR(rounding->actual, 2e-3, 1e-6);
  EXPECT_EQ(rounding->accepts, 2e-3);
}

TEST(Rounding, AWrongResultIsFarAlone) {
  EXPECT_FALSE(rounding_of(*f32({2}, {1.0001f, 2}), *f32({2}, {1.01f, 2}), *f64({1, 2})));
  // A wrong archive: the engine and f64 agree on it.
  EXPECT_FALSE(rounding_of(*f32({2}, {1.01f, 2}), *f32({2}, {1.0001f, 2}), *f64({1, 2})));
  EXPECT_FALSE(rounding_of(*f32({2}, {1, 2}), *f32({2}, {1.01f, 2}), *f64({1, 2})));
}

TEST(Rounding, NoLevelAcceptsIt) { EXPECT_FALSE(rounding_of(*f32({1}, {3}), *f32({1}, {1}), *f64({2}))); }

TEST(Rounding, NaNsAndInfinitiesHaveToBeTheSame) {
  const auto exact = f64({kInf, kNaN, 1});
  EXPECT_TRUE(rounding_of(*f32({3}, {kInf, kNaN, 1.001f}), *f32({3}, {kInf, kNaN, 0.999f}), *exact));
  EXPECT_FALSE(rounding_of(*f32({3}, {kInf, kNaN, 1.001f}), *f32({3}, {kNaN, kNaN, 0.999f}), *exact));
  EXPECT_FALSE(rounding_of(*f32({3}, {kInf, kNaN, 1.001f}), *f32({3}, {-kInf, kNaN, 0.999f}), *exact));
  EXPECT_FALSE(rounding_of(*f32({3}, {kInf, kNaN, 1.001f}), *f32({3}, {kInf, 0, 0.999f}), *exact));
}

TEST(Rounding, IsOfF32Alone) {
  EXPECT_FALSE(rounding_of(*f16({1}, {1.001f}), *f32({1}, {0.999f}), *f64({1})));
  EXPECT_FALSE(rounding_of(*f32({1, 1}, {1.001f}), *f32({1}, {0.999f}), *f64({1})));
  EXPECT_FALSE(rounding_of(*f32({1}, {1.001f}), *f32({1}, {0.999f}), *f32({1}, {1})));
}

}  // namespace
}  // namespace torch2nnef
