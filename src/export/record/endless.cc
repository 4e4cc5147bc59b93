#include "export/record/endless.h"

#include <utility>
#include <vector>

#include "export/record/slot.h"

namespace torch2nnef {

bool is_endless(const c10::IValue& value) {
  constexpr std::size_t kDeepest = 200, kMost = 1'000'000;
  std::vector<std::pair<c10::IValue, std::size_t>> open = {{value, 0}};
  for (std::size_t seen = 0; !open.empty(); ++seen) {
    const auto [next, depth] = open.back();
    open.pop_back();
    if (depth > kDeepest || seen > kMost) return true;
    if (next.isIntList() || next.isDoubleList() || next.isBoolList() || next.isTensorList()) continue;
    for (c10::IValue& item : items_of(next)) {
      if (item.isPtrType() && !item.isTensor()) open.emplace_back(std::move(item), depth + 1);
    }
    if (!next.isGenericDict()) continue;
    for (const auto& entry : next.toGenericDict()) {
      if (entry.value().isPtrType() && !entry.value().isTensor()) open.emplace_back(entry.value(), depth + 1);
    }
  }
  return false;
}

}  // namespace torch2nnef
