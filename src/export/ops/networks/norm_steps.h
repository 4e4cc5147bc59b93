// What the normalisations share: they compute in f32 at least, as torch does, and give back the dtype of their input.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

// f32 for f16, else the dtype itself. Unsupported for what is not floating.
DType norm_dtype(const Call& call, std::string_view input);

// Mean over axes, which stay with extent 1. Long sums are taken axis by axis: the engine adds one item after the other,
// and the error of that grows with their number (T-SUM-LONG). They are divided once, at the end: the engine takes
// seconds to optimise a chain of means over symbolic axes.
Value mean_over(Call& call, Value x, const std::vector<int>& axes);

// (x - mean) / sqrt(variance + eps), and the two statistics (extent 1 on the axes).
struct Normalized {
  Value y, mean, inverse_deviation;
};
Normalized normalized(Call& call, Value x, const std::vector<int>& axes, double eps);

// An optional tensor argument with one item a channel, shaped to go with x, whose channels are axis 1.
std::optional<Value> per_channel(Call& call, std::string_view name, Value x);

// y * weight + bias, of those that are there.
Value scaled_and_shifted(Call& call, Value y, std::optional<Value> weight, std::optional<Value> bias);

}  // namespace torch2nnef
