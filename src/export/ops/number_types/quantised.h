// Quantised tensors. One stands in the graph by its codes: item minus zero point, whole numbers in f32, which sums of
// products keep exact below 2^24. The number that it means is code * scale.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// How floats become items of a type: clamp(round(x / scale) + zero_point). Ties go to the even item.
struct QuantisedRange {
  double low, high;
};
QuantisedRange range_of(ScalarType type);

// The codes of real numbers.
Value quantised_codes(Builder& b, Value x, double scale, std::int64_t zero_point, ScalarType type);
// scale and zero_point are tensors in f32 that broadcast against x.
Value quantised_codes(Builder& b, Value x, Value scale, Value zero_point, QuantisedRange range);

// The items of a constant quantised tensor minus the zero points, as a variable of the items' own size cast to f32.
Value constant_codes(Builder& b, const std::string& label, const ConstantTensor& constant);
// Its scales: one, or one a channel of the first axis.
std::vector<double> scales_of(const ConstantTensor& constant);

// A float32 variable of rank 1.
Value number_variable(Call& call, std::string_view hint, const std::vector<double>& values);

// The scale and zero point that torch chooses for what it sees, as f32 of rank 0.
struct ChosenParameters {
  Value scale, zero_point;
};
ChosenParameters choose_parameters(Builder& b, Value x, QuantisedRange range);

// Whether a call only moves the items of one quantised tensor, with scale and zero point as they were: then it is
// lowered on the codes.
bool only_moves_codes(const TapeCall& call, const Tape& tape);

}  // namespace torch2nnef
