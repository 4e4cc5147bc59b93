#include "export/verify/distance.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "export/verify/float_cast.h"

namespace torch2nnef {

std::vector<double> doubles_of(const nnef::TensorData& tensor) {
  const std::vector<std::byte> bytes = bytes_of(*cast_float(tensor, nnef::DType::kF64));
  std::vector<double> items(bytes.size() / sizeof(double));
  std::memcpy(items.data(), bytes.data(), bytes.size());
  return items;
}

std::optional<Distance> distance(const std::vector<double>& a, const std::vector<double>& b) {
  Distance result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::fabs(a[i] - b[i]);
    if (!std::isfinite(difference)) return std::nullopt;
    result.largest = std::max(result.largest, difference);
    result.squares += difference * difference;
  }
  return result;
}

}  // namespace torch2nnef
