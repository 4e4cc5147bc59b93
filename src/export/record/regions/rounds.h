// The rounds of a loop that is recorded once.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "export/record/slot.h"

namespace torch2nnef {

// The symbol of the number of the round: not a name that a user could give to one.
constexpr const char* kRoundNumber = "#round";

// Whether a condition is about the number of the round.
inline bool depends_on_round(const Note& condition) {
  return std::any_of(condition.symbols.begin(), condition.symbols.end(),
                     [](const std::string& symbol) { return symbol == kRoundNumber; });
}

// A number that is `first` in the first round and moves by `step` with each.
struct EvenSteps {
  nnef::Dim first, step;
};

// Nothing for a number that moves otherwise (i * i, i % 2).
inline std::optional<EvenSteps> even_steps(const nnef::Dim& number, const std::string& counter) {
  const nnef::Dim first = number.substitute({{counter, nnef::Dim(0)}});
  const nnef::Dim step = number.substitute({{counter, nnef::Dim(1)}}) - first;
  if (number != first + step * nnef::Dim::symbol(counter)) return std::nullopt;
  return EvenSteps{first, step};
}

}  // namespace torch2nnef
