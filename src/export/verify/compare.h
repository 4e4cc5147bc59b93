// Compares what an engine computed with what PyTorch computed: name, shape, dtype and every value.
//
// Levels have tract's names and numbers, but the comparison is our own: tract casts both sides to f32 first, so that it
// takes 2^53 for 2^53 + 1 and an i64 for a bool, and lets an infinity of its own pass.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "export/outcome.h"
#include "export/request.h"
#include "nnef/io.h"

namespace torch2nnef {

// The numbers of a level for a dtype; zeros for integers and bools, which must be equal.
ToleranceBounds tolerance_bounds(const Tolerance& tolerance, nnef::DType dtype);

// Of the finite values; 0 where there is none.
double root_mean_square(const nnef::TensorData& tensor);

struct Comparison {
  bool agrees = true;
  double max_abs = 0;               // largest |actual - expected| over the finite values
  double max_rel = 0;               // largest |actual - expected| / |expected|, of values that are not near zero
  std::vector<std::int64_t> where;  // index of the value that is furthest outside of its bound; empty when none is
  std::int64_t outside = 0;         // values outside of their bound
  std::string detail;               // what differs, one sentence; "" when nothing does
};

// What a level is for values that were computed in f16 or bfloat16, whatever they are kept in: two kernels that are
// right differ by rounding errors of that type. bfloat16 has three bits less than f16, and eight times its bounds.
Tolerance in_half(const Tolerance& tolerance);
Tolerance in_bfloat16(const Tolerance& tolerance);

// NaN equals NaN, an infinity equals the same infinity only, integers and bools are compared exactly. Shapes and dtypes
// must be equal, with one exception: engines save f16 results widened, so f32 values that f16 holds exactly may stand
// for f16. Absolute bounds are for values of size 1: they are multiplied with the root mean square of the expected
// values, and at least with `least_size`. Holds both tensors in memory.
Comparison compare_tensors(const nnef::TensorData& expected, const nnef::TensorData& actual, const Tolerance& tolerance,
                           double least_size);

// The smallest and largest of the finite items.
struct Range {
  double low = 0, high = 0;
  std::int64_t count = 0;   // of all items
  bool has_others = false;  // NaNs or infinities
};
Range range_of(const nnef::TensorData& tensor);

// The result of that name in `actual` against each of `expected`; names that are missing do not agree. Results that
// nobody expects are not looked at. Bounds follow the size of each, however small (judge.h allows for rounding).
// `coarser`: outputs with a tolerance of their own.
using ToleranceOf = std::map<std::string, Tolerance>;
std::vector<CheckReport::Output> compare_outputs(const std::vector<nnef::NamedTensor>& expected,
                                                 const std::vector<nnef::NamedTensor>& actual,
                                                 const Tolerance& tolerance, const ToleranceOf& coarser = {});

// The outputs that depend on a number that was rounded to f16 or computed in it. Weights that are only stored so do not
// count.
std::set<std::string> outputs_through_half(const nnef::Graph& graph);

}  // namespace torch2nnef
