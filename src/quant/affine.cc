#include "quant/affine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Builder;
using nnef::DType;
using nnef::Value;

constexpr DType kF32 = DType::kF32;
// A number of magnitude below kRoundedBelow plus 1.5 * 2^23 has no bits left behind the point: the sum is rounded to
// the nearest whole number, ties to even.
constexpr double kRounds = 12582912.0;

const double* number_of(const Argument& argument) { return std::get_if<double>(&argument.is); }

// literal - operand
Argument minus(Builder& b, double number, const Argument& operand) {
  if (const double* known = number_of(operand)) return b.literal(number - *known, kF32);
  return b.binary("sub", b.constant(number, kF32), operand);
}

Value beside_axis(Builder& b, Value row, const AffineParameters& parameters, int rank) {
  return placed_row(b, row, static_cast<std::size_t>(rank - 1 - parameters.axis));
}

}  // namespace

Value placed_row(Builder& b, Value row, std::size_t behind) {
  for (std::size_t i = 0; i < behind; ++i) row = b.unsqueeze(row, {b.rank(row)});
  return row;
}

Value number_variable(Builder& b, const std::string& label, const std::vector<double>& numbers,
                      std::vector<std::int64_t> shape) {
  std::vector<float> items(numbers.begin(), numbers.end());
  std::vector<std::byte> bytes(items.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), items.data(), bytes.size());
  if (shape.empty()) shape.push_back(static_cast<std::int64_t>(items.size()));
  return b.variable(label, std::make_shared<nnef::OwnedTensor>(kF32, std::move(shape), std::move(bytes)));
}

Value scaled_weight(Builder& b, const std::string& label, Value codes, const std::vector<double>& factors, int axis) {
  if (factors.size() == 1) return b.binary("mul", codes, b.literal(factors.front(), kF32));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(b.rank(codes)), 1);
  shape.at(static_cast<std::size_t>(axis)) = static_cast<std::int64_t>(factors.size());
  return b.binary("mul", codes, number_variable(b, label, factors, std::move(shape)));
}

double shift_to_bytes(ItemRange range, std::int64_t zero_point) {
  return static_cast<double>(zero_point) - range.low + std::numeric_limits<std::int8_t>::min();
}

Argument zero_point_operand(Builder& b, const std::string& label, const AffineParameters& parameters, int rank) {
  const std::vector<std::int64_t>& zeros = parameters.zero_points;
  if (std::equal(zeros.begin() + 1, zeros.end(), zeros.begin())) {
    return b.literal(static_cast<double>(zeros.at(0)), kF32);
  }
  const std::vector<double> numbers(zeros.begin(), zeros.end());
  return beside_axis(b, number_variable(b, label + ".zero_points", numbers), parameters, rank);
}

AffineOperands operands_of(Builder& b, const std::string& label, const AffineParameters& parameters, int rank) {
  if (parameters.is_per_tensor())
    return {b.literal(parameters.scales.at(0), kF32), zero_point_operand(b, label, parameters, rank)};
  const Value row = number_variable(b, label + ".scales", parameters.scales);
  return {beside_axis(b, row, parameters, rank), zero_point_operand(b, label, parameters, rank)};
}

Value steps_of_numbers(Builder& b, Value x, const Argument& scale) {
  x = b.cast(x, kF32);
  const double* known = number_of(scale);
  if (known == nullptr) return b.binary("div", x, scale);
  return b.binary("mul", x, b.literal(static_cast<double>(1.0F / static_cast<float>(*known)), kF32));
}

RoundedCodes rounded_codes(Builder& b, Value steps, const Argument& zero_point, ItemRange range, bool is_relu) {
  Argument low = minus(b, range.low, zero_point);
  if (const double* known = number_of(low)) {
    low = b.literal(is_relu ? std::max(*known, 0.0) : *known, kF32);
  } else if (is_relu) {
    low = b.binary("max", low, b.literal(0.0, kF32));
  }
  const bool is_small = range.high - range.low < kRoundedBelow;
  if (!is_small) steps = b.unary("tract_core_round_even", steps);
  const Value code = b.binary("min", b.binary("max", steps, low), minus(b, range.high, zero_point));
  if (!is_small) return {code, {}};
  const Value sum = b.binary("add", code, b.literal(kRounds, kF32));
  return {b.binary("sub", sum, b.literal(kRounds, kF32)), sum};
}

// A cast to i8 holds what is beyond to the bounds (T-CAST-SATURATES).
Value bytes_of_sum(Builder& b, Value sum, double shift) {
  return b.cast(b.binary("sub", sum, b.literal(kRounds - shift, kF32)), DType::kI8);
}

Value bytes_of_steps(Builder& b, Value steps) {
  return bytes_of_sum(b, b.binary("add", steps, b.literal(kRounds, kF32)), 0);
}

Value codes_of_numbers(Builder& b, Value x, const AffineOperands& operands, ItemRange range) {
  return rounded_codes(b, steps_of_numbers(b, x, operands.scale), operands.zero_point, range).codes;
}

Value codes_of_items(Builder& b, Value items, const Argument& zero_point) {
  const double* known = number_of(zero_point);
  return known != nullptr && *known == 0 ? items : b.binary("sub", items, zero_point);
}

Value items_of_codes(Builder& b, Value codes, const Argument& zero_point) { return b.binary("add", codes, zero_point); }

Value numbers_of_codes(Builder& b, Value codes, const Argument& scale) { return b.binary("mul", codes, scale); }

// The zero point is that of the end of the range that it fits better.
AffineOperands chosen_operands(Builder& b, Value x, ItemRange range) {
  std::vector<int> axes;
  for (int axis = 0; axis < b.rank(x); ++axis) axes.push_back(axis);
  const Argument zero = b.literal(0.0, kF32);
  const auto bound = [&](const char* reduction, const char* op) {
    return b.binary(op, axes.empty() ? x : b.reduce(reduction, x, axes, false), zero);
  };
  const Value low = bound("min_reduce", "min"), high = bound("max_reduce", "max");
  Value scale = b.binary("div", b.binary("sub", high, low), b.literal(range.high - range.low, kF32));
  scale = b.select(b.binary("eq", scale, zero), b.constant(0.1, kF32), scale);
  const Value from_low = b.binary("sub", b.constant(range.low, kF32), b.binary("div", low, scale));
  const Value from_high = b.binary("sub", b.constant(range.high, kF32), b.binary("div", high, scale));
  const auto error = [&](double end, Value place) {
    return b.binary("add", b.unary("abs", b.binary("div", place, scale)), b.literal(std::abs(end), kF32));
  };
  const Value is_low = b.binary("lt", error(range.low, low), error(range.high, high));
  Value place = b.unary("tract_core_round_even", b.select(is_low, from_low, from_high));
  place = b.binary("min", b.binary("max", place, b.literal(range.low, kF32)), b.literal(range.high, kF32));
  return {scale, place};
}

}  // namespace torch2nnef
