#include "export/verify/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"

namespace torch2nnef {
namespace {

constexpr double kAlike = 4;  // how many times as far from the truth one of two right kernels may be as the other

constexpr std::array kNumbers = {1e-7, 1e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2};

template <class T>
std::vector<T> items_of(const nnef::TensorData& tensor) {
  const std::vector<std::byte> bytes = bytes_of(tensor);
  std::vector<T> items(bytes.size() / sizeof(T));
  std::memcpy(items.data(), bytes.data(), bytes.size());
  return items;
}

struct Distance {
  double largest = 0;
  double squares = 0;  // their sum
};

std::optional<Distance> distance(const std::vector<float>& items, const std::vector<double>& exact) {
  Distance result;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const double difference = std::fabs(items[i] - exact[i]);
    if (!std::isfinite(difference)) {
      if (items[i] == exact[i] || (std::isnan(items[i]) && std::isnan(exact[i]))) continue;
      return std::nullopt;
    }
    result.largest = std::max(result.largest, difference);
    result.squares += difference * difference;
  }
  return result;
}

}  // namespace

std::optional<Rounding> rounding_of(const nnef::TensorData& expected, const nnef::TensorData& actual,
                                    const nnef::TensorData& exact) {
  const bool is_comparable = expected.dtype() == nnef::DType::kF32 && actual.dtype() == nnef::DType::kF32 &&
                             exact.dtype() == nnef::DType::kF64 && expected.shape() == actual.shape() &&
                             expected.shape() == exact.shape();
  if (!is_comparable) return std::nullopt;
  const std::vector<double> truth = items_of<double>(exact);
  const std::optional<Distance> ours = distance(items_of<float>(expected), truth);
  const std::optional<Distance> theirs = distance(items_of<float>(actual), truth);
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
