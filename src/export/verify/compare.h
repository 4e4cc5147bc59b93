// Compares what an engine computed with what PyTorch computed: name, shape, dtype and every value.
//
// Levels have tract's names and numbers, but the comparison is our own: tract casts both sides to f32 first, so that it
// takes 2^53 for 2^53 + 1 and an i64 for a bool, and lets an infinity of its own pass.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "export/export.h"
#include "nnef/io.h"

namespace torch2nnef {

// The numbers of a level for a dtype; zeros for integers and bools, which must be equal.
ToleranceBounds tolerance_bounds(const Tolerance& tolerance, nnef::DType dtype);

struct Comparison {
  bool agrees = true;
  double max_abs = 0;               // largest |actual - expected| over the finite values
  double max_rel = 0;               // largest |actual - expected| / |expected|, where expected is not zero
  std::vector<std::int64_t> where;  // index of the value that is furthest outside of its bound; empty when none is
  std::int64_t outside = 0;         // values outside of their bound
  std::string detail;               // what differs, one sentence; "" when nothing does
};

// NaN equals NaN, an infinity equals the same infinity only, integers and bools are compared exactly. Shapes and dtypes
// must be equal, with one exception: engines save f16 results widened, so f32 values that f16 holds exactly may stand
// for f16. Holds both tensors in memory. `computed_in_half`: floats of any dtype are held to the bounds of f16.
Comparison compare_tensors(const nnef::TensorData& expected, const nnef::TensorData& actual, Tolerance tolerance,
                           bool computed_in_half = false);

// The result of that name in `actual` against each of `expected`; names that are missing do not agree. Results that
// nobody expects are not looked at. `computed_in_half` names those that are held to the bounds of f16.
std::vector<CheckReport::Output> compare_outputs(const std::vector<nnef::NamedTensor>& expected,
                                                 const std::vector<nnef::NamedTensor>& actual, Tolerance tolerance,
                                                 const std::set<std::string>& computed_in_half = {});

// The outputs that depend on a result of f16: two kernels that are right differ by rounding errors of f16 there,
// whatever the dtype of the output. Weights that are only stored so do not count.
std::set<std::string> outputs_through_half(const nnef::Graph& graph);

}  // namespace torch2nnef
