// Sliding windows: what the lowerings of convolutions, pools and folds share.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// An int[] argument with one number an axis, or one for all. Absent or empty lists give `fallback` everywhere.
std::vector<std::int64_t> per_axis(const Call& call, std::string_view name, std::size_t count, std::int64_t fallback);

// How far a window reaches: from its first to its last item, both included.
inline std::int64_t window_extent(std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; }

using Padding = std::vector<std::pair<Dim, Dim>>;

// Takes from the padding at the end of a symbolic axis what no window reaches. The number of windows is then an even
// division, which the engine simplifies, where it would not know that (2*H+1)/2 is H.
void drop_unreached(std::pair<Dim, Dim>& padding, const Dim& size, std::int64_t extent, std::int64_t stride);

// Zeros around the last axes of x, one pair for each of them. Amounts are not negative and not symbolic.
Value pad_with_zeros(Call& call, Value x, const Padding& last_axes);

// The type in which sums over windows are computed: half precision in single precision, as torch does it; integers,
// which the engine cannot sum so (T-CONV-I64), in f64, which holds them exactly up to 2^53.
DType window_dtype(DType dtype);

// [N, C, spatial...] with a C that is a number, as window operators want it (T-POOL-CHANNELS), of a tensor that may
// lack the batch axis or have symbolic channels.
class Planes {
 public:
  // `spatial` counts the axes that the window moves along.
  Planes(Call& call, Value x, std::size_t spatial);
  Value value() const { return value_; }
  // The result of an operator on value(), with the leading axes that x had.
  Value restored(Value y) const;

 private:
  Call& call_;
  Value value_;
  Shape lead_;
};

}  // namespace torch2nnef
