#include "quant/tolerance.h"

#include <algorithm>
#include <cmath>

namespace torch2nnef {
namespace {

constexpr double kTimesMoved = 2;
constexpr double kHalfStep = 0.5;
constexpr int kShortBits = 8;
constexpr double kOffStep = 0.02;  // of a step: what 255 times a difference of two products in single precision is off

}  // namespace

double slack_with_bias(double input_scale, double largest_weight_scale, double result_scale) {
  return kCodeSlack + kHalfStep * input_scale * largest_weight_scale / result_scale;
}

bool is_short_scale(double scale) {
  int exponent = 0;
  const double bits = std::ldexp(std::frexp(scale, &exponent), kShortBits);
  return scale > 0 && bits == std::floor(bits);
}

CodeTally tally_codes(const std::vector<double>& codes, const std::vector<double>& exact, const CodeRule& rule) {
  CodeTally tally;
  tally.items = static_cast<std::int64_t>(codes.size());
  const auto is_even = [](double code) { return std::fmod(code, 2) == 0; };
  const auto zero = static_cast<double>(rule.zero_point);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const double code = std::clamp(codes[i], rule.range.low, rule.range.high);
    const double apart = std::fabs(code - std::clamp(exact[i], rule.range.low, rule.range.high));
    tally.largest = std::max(tally.largest, apart);
    const bool is_tie = rule.ties_to_even && apart == kHalfStep && code != rule.range.low && code != rule.range.high;
    const bool is_right_tie = !is_tie || is_even(code) || is_even(code + zero);
    const bool is_code = code == codes[i] && code == std::floor(code);
    if (apart <= kHalfStep + rule.slack && is_right_tie && is_code) continue;  // a NaN is outside
    if (tally.outside++ == 0) tally.first = static_cast<std::int64_t>(i);
  }
  return tally;
}

double accepted_rms(double moved, double step) { return kTimesMoved * moved + kHalfStep * step; }

double step_of(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.size() < 2 || !std::isfinite(numbers.front()) || !std::isfinite(numbers.back())) return 0;
  double step = numbers[1] - numbers[0];
  for (std::size_t i = 2; i < numbers.size(); ++i) step = std::min(step, numbers[i] - numbers[i - 1]);
  const bool is_step = std::all_of(numbers.begin(), numbers.end(), [&](double number) {
    return std::fabs(number / step - std::nearbyint(number / step)) <= kOffStep;
  });
  return is_step ? step : 0;
}

}  // namespace torch2nnef
