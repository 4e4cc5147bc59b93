// Python's slice bounds for axes whose size, start or end may be symbolic.
#pragma once

#include <optional>

#include "export/lower/lowering.h"

namespace torch2nnef {

struct SliceBounds {
  Dim begin, end;  // 0 <= begin <= end <= size
};

// The bounds of [start:end:step] along an axis of `size`, None being nullopt.
//
// Python counts from the end and clamps; the engine does neither (T-SLICE-NEGATIVE, T-SLICE-BEYOND). With symbols a
// clamp shows as min() or max() in every shape that follows, so a bound is written plainly (S-5, not max(0,S-5)) where
// that explains the length that the recorder saw; at sizes where the plain bound would have been clamped the engine
// refuses to run, it never returns something else. Throws Unsupported when a bound counts from the start or from the
// end depending on the sizes.
SliceBounds slice_bounds(const Call& call, const std::optional<Dim>& start, const std::optional<Dim>& end,
                         const Dim& size, std::int64_t step, const Dim& recorded_length);

}  // namespace torch2nnef
