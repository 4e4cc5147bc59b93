#include "export/load/tensor_extent.h"

#include <algorithm>

namespace torch2nnef {

std::string problem_of_view(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides,
                            std::int64_t offset, std::int64_t count) {
  // A tensor may show an item many times (stride 0); what it shows is made real when it is written.
  constexpr std::int64_t kMostItems = std::int64_t{1} << 36;
  if (sizes.size() != strides.size()) return "has another number of strides than of sizes";
  if (sizes.size() > kMostRank) return "has more than 64 axes";
  if (offset < 0) return "begins at a negative place";
  std::int64_t items = 1, last = offset;
  bool is_empty = false, is_beyond = false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t size = sizes[i], stride = strides[i];
    if (size < 0) return "has a negative size";
    if (stride < 0) return "has a negative stride";
    is_empty = is_empty || size == 0;
    if (size > kMostItems || (items *= std::max<std::int64_t>(size, 1)) > kMostItems) return "is too large";
    std::int64_t reach = 0;
    is_beyond =
        is_beyond ||
        (size > 1 && (__builtin_mul_overflow(size - 1, stride, &reach) || __builtin_add_overflow(last, reach, &last)));
  }
  return !is_empty && (is_beyond || last >= count) ? "has items beyond its storage" : "";
}

}  // namespace torch2nnef
