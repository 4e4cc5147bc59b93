// What a right result of a quantised operator is, and how far roundings may carry through a model. Codes and exact
// results are in steps of the result's scale, counted from its zero point.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/representation.h"

namespace torch2nnef {

// How much further than half a step a right code may be from the exact result. Sums are computed in single precision;
// a bias may be rounded to whole steps of the products, of input scale times weight scale, beforehand.
constexpr double kCodeSlack = 0.001;
double slack_with_bias(double input_scale, double largest_weight_scale, double result_scale);

struct CodeRule {
  ItemRange range;  // of the codes that there are
  double slack = kCodeSlack;
  // Where arithmetic is exact, a tie has to go to an even code. torch's engines count from the zero point or from 0.
  bool ties_to_even = false;
  std::int64_t zero_point = 0;
};

struct CodeTally {
  std::int64_t items = 0;
  // Further than half a step and the slack, no code at all, or ties that go to no even one.
  std::int64_t outside = 0;
  std::int64_t first = -1;  // the first of them
  double largest = 0;       // distance of all
};
// `codes` against `exact`, both held to the codes that there are. As many items each.
CodeTally tally_codes(const std::vector<double>& codes, const std::vector<double>& exact, const CodeRule& rule);
// Whether products of a code and this scale are exact in single precision, and so are sums of a few: few bits.
bool is_short_scale(double scale);

// Of the differences of an output: `moved` is their root mean square where 0.1 % of the input's codes were moved by one
// step and nothing else was changed, `step` what one code of the output is.
double accepted_rms(double moved, double step);

// What one code of these numbers is: the least distance of two, if all are multiples of it; else 0. Numbers are
// products in single precision.
double step_of(std::vector<double> numbers);

}  // namespace torch2nnef
