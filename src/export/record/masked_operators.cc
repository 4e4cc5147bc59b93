#include "export/record/masked_operators.h"

#include <limits>

namespace torch2nnef {
namespace {

double lowest(ScalarType type) {
  switch (type) {
    case ScalarType::kUInt8:
    case ScalarType::kBool:
      return 0;
    case ScalarType::kInt8:
      return std::numeric_limits<std::int8_t>::min();
    case ScalarType::kInt16:
      return std::numeric_limits<std::int16_t>::min();
    default:
      return std::numeric_limits<std::int32_t>::min();
  }
}

// The item that is larger, or smaller, than all others.
TapeArgument extreme(ScalarType type, bool is_least) {
  if (is_floating(type)) {
    const double infinity = std::numeric_limits<double>::infinity();
    return {is_least ? -infinity : infinity};
  }
  if (type == ScalarType::kInt64) {
    using Limits = std::numeric_limits<std::int64_t>;
    return {nnef::Dim(is_least ? Limits::min() : Limits::max())};
  }
  const auto least = static_cast<std::int64_t>(lowest(type));
  const std::int64_t largest = type == ScalarType::kUInt8 ? 255 : type == ScalarType::kBool ? 1 : -(least + 1);
  return {nnef::Dim(is_least ? least : largest)};
}

}  // namespace

bool is_itemwise(const Tape& tape, const TapeCall& call) {
  const OperatorRow& row = row_of(call.op, call.overload);
  // Integers must not be divided, or raised to negative powers, where nobody asked for it.
  return row.is(kItemwise) &&
         (!row.is(kIntegerDivision | kIntegersFail) || is_floating(tape.info(call.results[0]).type));
}

std::optional<TapeArgument> neutral_item(const Tape& tape, const TapeCall& call) {
  const TapeArgument* self = call.find("self");
  if (call.find("other") || !self || !self->value()) return std::nullopt;
  for (const char* power : {"p", "ord"}) {  // of a norm: one below 0 asks for the smallest
    const TapeArgument* given = call.find(power);
    if (!given || given->is_none()) continue;
    const auto* dim = std::get_if<nnef::Dim>(&given->is);
    const auto* number = std::get_if<double>(&given->is);
    const bool is_positive = (dim && dim->constant().value_or(0) > 0) || (number && *number > 0);
    if (!is_positive) return std::nullopt;
  }
  const ScalarType type = tape.info(*self->value()).type;
  const auto number = [&](int value) {
    return is_floating(type) ? TapeArgument{static_cast<double>(value)} : TapeArgument{nnef::Dim(value)};
  };
  switch (row_of(call.op).neutral) {
    case Neutral::kZero:
      return number(0);
    case Neutral::kOne:
      return number(1);
    case Neutral::kLeast:
      return extreme(type, true);
    case Neutral::kMost:
      return extreme(type, false);
    case Neutral::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace torch2nnef
