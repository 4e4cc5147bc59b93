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

Reduction reduction_over_axes(NumberOp over_all) {
  if (over_all == NumberOp::kLargest) return {"aten::amax", "", false};
  if (over_all == NumberOp::kSmallest) return {"aten::amin", "", false};
  return {"aten::sum", "dim_IntList", true};
}

std::optional<TapeArgument> neutral_item(NumberOp over_all, ScalarType type) {
  switch (over_all) {
    case NumberOp::kSum:
    case NumberOp::kMean:
      return TapeArgument{is_floating(type) ? TapeArgument{0.0} : TapeArgument{nnef::Dim(0)}};
    case NumberOp::kLargest:
      return extreme(type, true);
    case NumberOp::kSmallest:
      return extreme(type, false);
    default:
      return std::nullopt;
  }
}

}  // namespace torch2nnef
