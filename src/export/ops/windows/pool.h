// What the pools share: their arguments, and torch's rounding up of sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "export/lower/lowering.h"
#include "export/ops/windows/window.h"

namespace torch2nnef {

struct Pool {
  std::vector<std::int64_t> kernel, stride, dilation, padding;  // one number a spatial axis
  bool ceil_mode = false;

  std::size_t spatial() const { return kernel.size(); }
  std::int64_t extent(std::size_t axis) const { return window_extent(kernel[axis], dilation[axis]); }
};

// kernel_size, stride (the kernel when empty), padding, dilation, ceil_mode; those that the schema lacks are neutral.
Pool read_pool(const Call& call, std::size_t spatial);

// Room at the end of each spatial axis that makes the engine, which rounds sizes down, see as many windows as torch.
// `sizes` are those of the input. A symbolic size may get one window too many, which without_surplus() drops.
std::vector<std::int64_t> ceiling_room(const Pool& pool, const Shape& sizes);
Value without_surplus(Call& call, const Pool& pool, Value y, const Shape& sizes);

// The last `count` axes of a shape.
inline Shape last_axes(const Shape& shape, std::size_t count) {
  return Shape(shape.end() - static_cast<std::ptrdiff_t>(count), shape.end());
}

// A pooling operator on planes: padding in full rank, border 'ignore' (padding counts for nothing; T-AVG-POOL-BORDER).
std::vector<nnef::NamedArgument> pool_attributes(const Pool& pool, const Padding& spatial_padding);

}  // namespace torch2nnef
