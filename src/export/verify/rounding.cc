#include "export/verify/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "export/verify/compare.h"
#include "export/verify/distance.h"

namespace torch2nnef {
namespace {

constexpr double kAlike = 4;  // how many times as far from the truth one of two right kernels may be as the other

constexpr std::array kNumbers = {1e-7, 1e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2};

}  // namespace

std::optional<Rounding> rounding_of(const nnef::TensorData& expected, const nnef::TensorData& actual,
                                    const nnef::TensorData& exact) {
  const bool is_comparable = expected.dtype() == nnef::DType::kF32 && actual.dtype() == nnef::DType::kF32 &&
                             exact.dtype() == nnef::DType::kF64 && expected.shape() == actual.shape() &&
                             expected.shape() == exact.shape();
  if (!is_comparable) return std::nullopt;
  const std::vector<double> truth = doubles_of(exact);
  const std::optional<Distance> ours = distance(doubles_of(expected), truth);
  const std::optional<Distance> theirs = distance(doubles_of(actual), truth);
  if (!ours || !theirs) return std::nullopt;
  const auto [smaller, larger] = std::minmax(ours->squares, theirs->squares);
  if (larger > kAlike * kAlike * smaller) return std::nullopt;
  for (double number : kNumbers) {
    if (!compare_tensors(expected, actual, Tolerance::of(number), 0).agrees) continue;
    return Rounding{ours->largest, theirs->largest, number};
  }
  return std::nullopt;
}

}  // namespace torch2nnef
