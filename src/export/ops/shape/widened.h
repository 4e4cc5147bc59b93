// Tensors that repeat one part along an axis, seen through what made them.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// The operation that makes a value, until the next one is added; nothing for an input.
const nnef::Operation* maker_of(Builder& b, Value x);

// x without what a broadcast or a tile repeats: of the same rank, with an extent of 1 on the axes that are repeated,
// the last `kept` axes as they are. x itself when nothing is repeated. Looks through transpose, unsqueeze and squeeze.
//
// tract's optimiser passes over a broadcast before a matrix product and forgets that the result was repeated too, so a
// product is made of this and the result is broadcast (T-BROADCAST-PRODUCT).
Value without_repeats(Builder& b, Value x, int kept);

}  // namespace torch2nnef
