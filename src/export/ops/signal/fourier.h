// Discrete Fourier transforms along axes of packed complex tensors: real tensors [.., 2].
#pragma once

#include <string>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

enum class Direction { kForward, kInverse };

// A tensor argument, real or complex, packed, its parts of that dtype.
Value packed_argument(Call& call, std::string_view name, DType dtype);
Value packed_real(Call& call, Value x);  // with an imaginary part of zeros
Value conjugated(Call& call, Value packed);
Value real_part(Call& call, Value packed);

// Cut, or filled up with zeros, to `size` items along the axis.
Value resized(Call& call, Value x, int axis, const Dim& size);

// The sum over exp(-2 pi i k j / n), or its inverse's exp(+..), without a factor.
Value transformed(Call& call, Value packed, int axis, Direction direction);

// The first size / 2 + 1 items of a transform of `size` items stand for all of them, since it is that of real numbers:
// the real result of the inverse transform, without a factor.
Value real_from_half(Call& call, Value half, int axis, const Dim& size);

// The factor that torch's norm ("backward", "ortho", "forward") puts on a transform of `size` items in all.
Value normalized(Call& call, Value x, const std::string& norm, Direction direction, const Dim& size);

}  // namespace torch2nnef
