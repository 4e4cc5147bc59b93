// What is kept of a value that was computed while recording: enough to see that another computation of it differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nnef/dtype.h"

namespace torch2nnef {

struct Fingerprint {
  nnef::DType dtype = nnef::DType::kF32;  // bfloat16 counts as f32; of a complex value's parts
  std::vector<std::int64_t> shape;
  double max_abs = 0, sum = 0;  // of the finite items
  std::int64_t not_finite = 0;  // NaNs and infinities
  // Items at 0, s, 2s, .. of the row-major order, s being the smallest step that makes at most kSamples of them and has
  // no divisor in common with the last axis.
  std::vector<std::byte> samples;

  static constexpr std::int64_t kSamples = 1024;
  static std::int64_t step(const std::vector<std::int64_t>& shape);
};

}  // namespace torch2nnef
