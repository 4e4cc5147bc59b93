// What a report says of itself: the verdict of its check, where its symbols stand.

#include <algorithm>

#include "export/export.h"

namespace torch2nnef {

// A check that did not run agrees with nothing.
bool CheckReport::agrees() const {
  return !outputs.empty() &&
         std::all_of(outputs.begin(), outputs.end(), [](const Output& output) { return output.agrees; });
}

std::vector<SymbolPlace> ExportReport::places_of(const std::string& symbol) const {
  std::vector<SymbolPlace> places;
  for (const IoReport& input : inputs) {
    for (std::size_t axis = 0; axis < input.shape.size(); ++axis) {
      if (!input.shape[axis].symbols().count(symbol)) continue;
      places.push_back({input.name, static_cast<int>(axis), input.shape[axis]});
    }
  }
  return places;
}

}  // namespace torch2nnef
