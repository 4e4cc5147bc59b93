// One round of a loop, cut out of the Tape into a region: the call t2n::scan.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef {

// A write of a round to one place of a tensor from outside, which no other round reads or writes.
struct RoundWrite {
  TapeValue base;           // the tensor, or a part of it that is the same in all rounds, as it is before the loop
  std::int64_t axis = 0;    // along which
  nnef::Dim place;          // its position there, an expression of the counter
  bool keeps_axis = false;  // `item` has the axis, of size 1
  TapeValue item;           // the new contents
  std::vector<TapeCall> outer = {};  // `base` is a part: the writes of it to the whole, to be given their source (src)
};

// What was recorded of one round, and what it begins and ends with.
struct Round {
  std::string counter;            // the symbol that stands for the number of the round
  nnef::Dim trips;                // how many rounds there are
  std::size_t first_call = 0;     // on the Tape, of the round
  std::size_t first_value = 0;    //
  std::vector<TapeValue> states;  // values that a round gets from the one before,
  std::vector<TapeValue> next;    // as it hands them on
  std::vector<TapeValue> items;   // what a round adds to lists
  std::vector<RoundWrite> writes;
};

struct ScanCall {
  // Where the items of a RoundWrite go: first, first + step, ... for all rounds.
  struct Target {
    nnef::Dim first;
    std::int64_t step = 1;
  };
  std::vector<std::pair<std::string, TapeArgument>> arguments;
  std::shared_ptr<Tape> body;
  std::vector<Target> targets;  // one per write
};

// Takes the round's calls off the Tape and makes them the body of a t2n::scan:
//   t2n::scan(Dim trips, [Tensor base, Dim axis, Dim first, Dim step][] scanned, Tensor[] state, Tensor[] full)
// A select or slice of one item of a tensor from outside, at a place that moves evenly with the rounds, becomes a
// scanned input: the base's items first, first + step, ... along the axis, each with that axis of size 1. The body's
// inputs are those, then the states, then what it uses whole; its outputs are `next`, `items` and the items of
// `writes`. Throws Unsupported, with the reason, when the round is not of that form.
ScanCall cut_scan(Tape& tape, const Round& round);

}  // namespace torch2nnef
