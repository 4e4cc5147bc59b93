// What a report says of itself: the verdict of its check, where its symbols stand.

#include "export/outcome.h"

#include <algorithm>

namespace torch2nnef {

std::vector<const CheckReport::Output*> CheckReport::verdicts() const {
  std::vector<const Output*> result;
  for (const Output& output : outputs) {
    if (output.engine == outputs.back().engine) result.push_back(&output);
  }
  return result;
}

bool CheckReport::agrees() const {
  const std::vector<const Output*> decisive = verdicts();
  return !decisive.empty() &&
         std::all_of(decisive.begin(), decisive.end(), [](const Output* output) { return output->agrees; });
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
