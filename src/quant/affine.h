// Affine quantisation: number = (item - zero point) * scale.
//
// A quantised value is kept in the graph as its codes, item - zero point: whole numbers in f32, whose sums of products
// are exact below 2^24. The number that a code means is code * scale.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nnef/builder/builder.h"
#include "quant/representation.h"

namespace torch2nnef TORCH2NNEF_API {

// The scale and zero point of a tensor, or one for each place of an axis.
struct AffineParameters {
  std::vector<double> scales;             // empty: not quantised
  std::vector<std::int64_t> zero_points;  // as many as scales
  int axis = -1;                          // of the places, -1 with one for all
  bool is_known() const { return !scales.empty(); }
  bool is_per_tensor() const { return is_known() && axis < 0; }
  friend bool operator==(const AffineParameters&, const AffineParameters&) = default;
};

// Scale and zero point beside the items of one tensor: f32, literals or values that broadcast against it.
struct AffineOperands {
  nnef::Argument scale, zero_point;
};

// Parameters as operands beside a tensor of that rank. Those of an axis become variables under `label`.
AffineOperands operands_of(nnef::Builder& b, const std::string& label, const AffineParameters& parameters, int rank);
nnef::Argument zero_point_operand(nnef::Builder& b, const std::string& label, const AffineParameters& parameters,
                                  int rank);
// A row of an axis beside a tensor with `behind` further axes.
nnef::Value placed_row(nnef::Builder& b, nnef::Value row, std::size_t behind);
// What makes items of i8 of the codes of 8 bits with these items: those of u8 are less 128 then.
double shift_to_bytes(ItemRange range, std::int64_t zero_point);
// A float32 variable of rank 1, or of that shape.
nnef::Value number_variable(nnef::Builder& b, const std::string& label, const std::vector<double>& numbers,
                            std::vector<std::int64_t> shape = {});
// A weight times one factor, or one for each place of an axis: constants alone, which an engine computes once, when it
// loads the archive. `codes` are those of the weight, kept in the archive in their own size.
nnef::Value scaled_weight(nnef::Builder& b, const std::string& label, nnef::Value codes,
                          const std::vector<double>& factors, int axis);

// x / scale, which rounded_codes() makes codes of. A scale that is a literal is multiplied by its inverse in single
// precision, which torch does too.
nnef::Value steps_of_numbers(nnef::Builder& b, nnef::Value x, const nnef::Argument& scale);
// clamp(round(steps), low - zero_point, high - zero_point), and no less than 0 with `is_relu`; ties go to the even
// code, as in torch. Items of 8 bits are rounded by an addition, which an engine does as the last step of a convolution
// or a product: `sum` is then what it gives.
constexpr double kRoundedBelow = 4194304.0;  // steps in magnitude: 2^22
struct RoundedCodes {
  nnef::Value codes, sum;
};
RoundedCodes rounded_codes(nnef::Builder& b, nnef::Value steps, const nnef::Argument& zero_point, ItemRange range,
                           bool is_relu = false);
// Steps below kRoundedBelow, or a sum that RoundedCodes has, plus `shift`, as items of i8.
nnef::Value bytes_of_steps(nnef::Builder& b, nnef::Value steps);
nnef::Value bytes_of_sum(nnef::Builder& b, nnef::Value sum, double shift);
nnef::Value codes_of_numbers(nnef::Builder& b, nnef::Value x, const AffineOperands& operands, ItemRange range);
nnef::Value codes_of_items(nnef::Builder& b, nnef::Value items, const nnef::Argument& zero_point);
nnef::Value items_of_codes(nnef::Builder& b, nnef::Value codes, const nnef::Argument& zero_point);
nnef::Value numbers_of_codes(nnef::Builder& b, nnef::Value codes, const nnef::Argument& scale);

// The scale and zero point that torch chooses for the numbers of x: their range, widened to hold 0. Values of rank 0.
AffineOperands chosen_operands(nnef::Builder& b, nnef::Value x, ItemRange range);

}  // namespace torch2nnef
