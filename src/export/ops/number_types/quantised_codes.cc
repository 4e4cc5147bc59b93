#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "export/operators/operators.h"
#include "export/ops/number_types/quantised.h"

namespace torch2nnef {
namespace {

constexpr DType kReal = DType::kF32;

bool same_parameters(const TapeValueInfo& a, const TapeValueInfo& b) {
  return is_quantised(a.type) && a.type == b.type && a.q_scale != 0 && a.q_scale == b.q_scale &&
         a.q_zero_point == b.q_zero_point;
}

}  // namespace

bool is_quantised(ScalarType type) {
  return type == ScalarType::kQInt8 || type == ScalarType::kQUInt8 || type == ScalarType::kQInt32;
}

QuantisedRange range_of(ScalarType type) {
  switch (type) {
    case ScalarType::kQInt8:
      return {-128, 127};
    case ScalarType::kQUInt8:
      return {0, 255};
    case ScalarType::kQInt32:
      return {-2147483648.0, 2147483647.0};
    default:
      throw std::logic_error("a dtype that is not quantised");
  }
}

Value quantised_codes(Builder& b, Value x, double scale, std::int64_t zero_point, ScalarType type) {
  QuantisedRange range = range_of(type);
  // torch multiplies by the inverse in single precision.
  double inverse = 1.0F / static_cast<float>(scale);
  Value code = b.unary("tract_core_round_even", b.binary("mul", b.cast(x, kReal), b.literal(inverse, kReal)));
  code = b.binary("max", code, b.literal(range.low - static_cast<double>(zero_point), kReal));
  return b.binary("min", code, b.literal(range.high - static_cast<double>(zero_point), kReal));
}

Value quantised_codes(Builder& b, Value x, Value scale, Value zero_point, QuantisedRange range) {
  Value code = b.unary("tract_core_round_even", b.binary("div", b.cast(x, kReal), scale));
  code = b.binary("max", code, b.binary("sub", b.constant(range.low, kReal), zero_point));
  return b.binary("min", code, b.binary("sub", b.constant(range.high, kReal), zero_point));
}

std::vector<double> scales_of(const ConstantTensor& constant) {
  try {
    return constant.evaluated("aten::q_per_channel_scales", {})->to_doubles();
  } catch (const std::exception&) {
    return {constant.q_scale()};  // one for all
  }
}

Value constant_codes(Builder& b, const std::string& label, const ConstantTensor& constant) {
  ConstantPtr items = constant.evaluated("aten::int_repr", {});
  Value codes = b.cast(b.variable(label, items), kReal);
  std::vector<std::int64_t> zero_points;
  try {
    zero_points = constant.evaluated("aten::q_per_channel_zero_points", {})->to_integers();
  } catch (const std::exception&) {
    zero_points = {constant.q_zero_point()};
  }
  bool is_one = std::all_of(zero_points.begin(), zero_points.end(), [&](auto one) { return one == zero_points[0]; });
  if (!is_one) throw Unsupported("a quantised weight with other zero points in each channel");
  if (zero_points[0] == 0) return codes;
  return b.binary("sub", codes, b.literal(static_cast<double>(zero_points[0]), kReal));
}

Value number_variable(Call& call, std::string_view hint, const std::vector<double>& values) {
  std::vector<float> items(values.begin(), values.end());
  std::vector<std::byte> bytes(items.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), items.data(), bytes.size());
  return call.variable(hint, std::make_shared<nnef::OwnedTensor>(
                                 kReal, std::vector<std::int64_t>{static_cast<std::int64_t>(items.size())}, bytes));
}

// The range of the numbers, made to hold 0; the zero point is that of the end that it fits better.
ChosenParameters choose_parameters(Builder& b, Value x, QuantisedRange range) {
  std::vector<int> axes;
  for (int axis = 0; axis < b.rank(x); ++axis) axes.push_back(axis);
  Argument zero = b.literal(0.0, kReal);
  auto bound = [&](const char* reduction, const char* op) {
    return b.binary(op, axes.empty() ? x : b.reduce(reduction, x, axes, false), zero);
  };
  Value low = bound("min_reduce", "min"), high = bound("max_reduce", "max");
  Value scale = b.binary("div", b.binary("sub", high, low), b.literal(range.high - range.low, kReal));
  scale = b.select(b.binary("eq", scale, zero), b.constant(0.1, kReal), scale);
  Value from_low = b.binary("sub", b.constant(range.low, kReal), b.binary("div", low, scale));
  Value from_high = b.binary("sub", b.constant(range.high, kReal), b.binary("div", high, scale));
  auto error = [&](double end, Value place) {
    return b.binary("add", b.unary("abs", b.binary("div", place, scale)), b.literal(std::abs(end), kReal));
  };
  Value is_low = b.binary("lt", error(range.low, low), error(range.high, high));
  Value place = b.unary("tract_core_round_even", b.select(is_low, from_low, from_high));
  place = b.binary("min", b.binary("max", place, b.literal(range.low, kReal)), b.literal(range.high, kReal));
  return {scale, place};
}

bool only_moves_codes(const TapeCall& call, const Tape& tape) {
  if (!row_of(call.op, call.overload).is(kMoves | kOnCodes)) return false;
  std::vector<TapeValue> given;
  for (const auto& [name, argument] : call.arguments) {
    if (const TapeValue* value = argument.value()) given.push_back(*value);
    if (const TapeList* list = argument.list()) {
      for (const TapeArgument& item : *list) {
        if (item.value()) given.push_back(*item.value());
      }
    }
  }
  std::erase_if(given, [&](TapeValue value) { return !is_quantised(tape.info(value).type); });
  if (given.empty()) return false;
  auto agrees = [&](TapeValue value) { return same_parameters(tape.info(given[0]), tape.info(value)); };
  bool results_agree = std::all_of(call.results.begin(), call.results.end(), [&](TapeValue result) {
    return !result || !is_quantised(tape.info(result).type) || agrees(result);
  });
  return results_agree && std::all_of(given.begin(), given.end(), agrees);
}

}  // namespace torch2nnef
