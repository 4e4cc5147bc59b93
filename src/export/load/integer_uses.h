// What integer inputs stand for, as far as the calls of a recording show it.
#pragma once

#include <cstdint>
#include <optional>

#include "export/tape/tape.h"

namespace torch2nnef {

struct IntegerUse {
  // Its use, bounds and reason; place and name are not set. Followed through views, casts, moves and sums with numbers.
  DrawnInput as;
  // At the sample's sizes, the smallest number of items that it chooses from, itself or by what any integer calls make
  // of it.
  std::optional<std::int64_t> fewest;
};

// An index or a length comes before a mask, a length before an index. kUnknown where no call says more.
IntegerUse use_of_integers(const Tape& tape, TapeValue input);

}  // namespace torch2nnef
