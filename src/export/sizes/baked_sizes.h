// Numbers on a Tape that may be sizes of the sample, which tracing turned into constants.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// A number of a call that is the size of a symbol in the sample, or a product of such sizes.
struct BakedNumber {
  std::int64_t number = 0;
  std::string size;  // "T", "B*T"
  std::string op;
  Location where;
};

// Operands, bounds and sizes of calls; each number once a place. Numbers below 3 are left out: they are everywhere.
// `sample`: sizes of the user's symbols.
std::vector<BakedNumber> baked_numbers(const Tape& tape, const nnef::Bindings& sample);

// A view to a shape with the sample size of one of `symbols` as a number, of a tensor that has a dynamic size.
bool views_by_sample_size(const Tape& tape, const nnef::Bindings& symbols);

// A loop over a dynamic axis that was unrolled: each item that the sample has is selected by its number.
struct UnrolledAxis {
  std::int64_t count = 0;
  int axis = 0;
  nnef::Dim size;
  Location where;  // of the last item
};
std::optional<UnrolledAxis> unrolled_axis(const Tape& tape, const nnef::Bindings& sample);

}  // namespace torch2nnef
