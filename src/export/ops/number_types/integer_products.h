// Quantised linear layers as sums of integers (--quantised-arithmetic integer).
#pragma once

#include <memory>

#include "export/lower/lowering.h"

namespace torch2nnef {

// A table that goes before the built-in one: items of 8 bits are multiplied and summed in i32, which is exact, and fast
// where the processor has dot products of 8 bits. What has no such form here is left to the built-in table.
std::shared_ptr<const Registry> integer_products();

}  // namespace torch2nnef
