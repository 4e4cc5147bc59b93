// Two fingerprints against each other.

#include "export/verify/fingerprint_compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "export/verify/compare.h"

namespace torch2nnef {
namespace {

nnef::OwnedTensor samples_of(const Fingerprint& fingerprint) {
  const auto count = static_cast<std::int64_t>(fingerprint.samples.size() / nnef::item_size(fingerprint.dtype));
  return {fingerprint.dtype, {count}, fingerprint.samples};
}

// What a sum of so many items may be off by.
double sum_bound(const Fingerprint& expected, const ToleranceBounds& bounds) {
  const auto count = static_cast<double>(
      std::accumulate(expected.shape.begin(), expected.shape.end(), std::int64_t{1}, std::multiplies<>()));
  // No item is off by more than what the largest may be.
  return count * (bounds.absolute * std::max(1.0, expected.max_abs) + bounds.relative * expected.max_abs);
}

}  // namespace

std::int64_t Fingerprint::step(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  if (count <= kSamples) return 1;
  std::int64_t step = (count + kSamples - 1) / kSamples;
  while (std::gcd(step, shape.back()) != 1) ++step;
  return step;
}

std::string difference(const Fingerprint& expected, const Fingerprint& actual, Tolerance tolerance) {
  if (expected.shape != actual.shape || expected.dtype != actual.dtype) {
    return fmt::format("{}[{}] instead of {}[{}]", nnef::to_string(actual.dtype), fmt::join(actual.shape, ", "),
                       nnef::to_string(expected.dtype), fmt::join(expected.shape, ", "));
  }
  const Comparison samples = compare_tensors(samples_of(expected), samples_of(actual), tolerance, 1);
  if (!samples.agrees) return "of some of its items, " + samples.detail;
  if (expected.not_finite != actual.not_finite) {
    return fmt::format("{} NaNs and infinities instead of {}", actual.not_finite, expected.not_finite);
  }
  const ToleranceBounds bounds = tolerance_bounds(tolerance, expected.dtype);
  const double largest = bounds.absolute * std::max(1.0, expected.max_abs) + bounds.relative * expected.max_abs;
  if (std::fabs(expected.max_abs - actual.max_abs) > largest) {
    return fmt::format("the largest magnitude is {} instead of {}", actual.max_abs, expected.max_abs);
  }
  if (std::fabs(expected.sum - actual.sum) > sum_bound(expected, bounds)) {
    return fmt::format("the sum is {} instead of {}", actual.sum, expected.sum);
  }
  return "";
}

}  // namespace torch2nnef
