#include "export/ops/shape/slice_bounds.h"

#include <cstdint>
#include <vector>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kUnbounded = std::int64_t{1} << 62;  // Python's default end arrives as the largest int64

// What a bound may be written as, plain form first, exact form last.
std::vector<Dim> forms_of_bound(const Call& call, const std::optional<Dim>& bound, const Dim& size,
                                const Dim& missing) {
  if (!bound) return {missing};
  std::optional<std::int64_t> number = bound->constant();
  if (*bound == size || (number && *number >= kUnbounded)) return {size};
  if (number && *number <= -kUnbounded) return {Dim(0)};
  Dim plain = wrap_position(call, *bound, size);
  if (plain == Dim(0)) return {plain};
  Dim exact = min(max(plain, 0), size);
  bool is_constant = plain.is_constant() && size.is_constant();
  if (is_constant) return {exact};
  // One side needs no clamp: a bound from the start is not negative, one from the end is at most the size.
  exact = sign_of(call, *bound) == Sign::kNegative ? max(plain, 0) : min(plain, size);
  return {plain, exact};
}

bool is_constant_and_reversed(const Dim& begin, const Dim& end) {
  Dim length = end - begin;
  return length.is_constant() && length.value() < 0;
}

}  // namespace

SliceBounds slice_bounds(const Call& call, const std::optional<Dim>& start, const std::optional<Dim>& end,
                         const Dim& size, std::int64_t step, const Dim& recorded_length) {
  std::vector<Dim> begins = forms_of_bound(call, start, size, 0), ends = forms_of_bound(call, end, size, size);
  for (const Dim& begin : begins) {
    for (const Dim& stop : ends) {
      if (is_constant_and_reversed(begin, stop)) continue;
      if (ceil_div(stop - begin, step) == recorded_length) return {begin, stop};
    }
  }
  if (recorded_length == Dim(0) || is_constant_and_reversed(begins.back(), ends.back())) {
    return {begins.back(), begins.back()};
  }
  return {begins.back(), ends.back()};
}

}  // namespace torch2nnef
