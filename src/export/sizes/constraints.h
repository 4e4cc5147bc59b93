// The sizes for which an archive holds, as conditions on the symbols.
#pragma once

#include <string>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/dim/size_facts.h"
#include "nnef/infer/size_conditions.h"

namespace torch2nnef {

// What is known of the sizes on a Tape: the bounds of its symbols and the sizes at which it was recorded.
nnef::SizeFacts facts_of(const Tape& tape);

// What a model states by failing at small sizes: no axis is negative, no convolution, pool or unfold without a window,
// and as many pieces of a split as there were.
std::vector<nnef::SizeCondition> conditions_of(const Tape& tape);

struct LearntBounds {
  nnef::SizeRanges ranges;                      // of the symbols, what was learnt included
  std::vector<std::string> texts;               // what was learnt: "S >= 11", "S <= 64", "A >= B+2"
  std::vector<nnef::SizeCondition> conditions;  // all that do not hold by themselves

  // Whether the archive is for these sizes.
  bool allow(const nnef::Bindings& sizes) const;
};

// The bounds within which all conditions hold, around `start`, where they do: one of each symbol that a condition has
// alone, and a comparison for each condition on several symbols that fails somewhere.
LearntBounds learn_bounds(const std::vector<nnef::SizeCondition>& conditions, const nnef::SizeFacts& facts,
                          const nnef::Bindings& start);

}  // namespace torch2nnef
