#include "export/record/masked_operators.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace torch2nnef {
namespace {

const std::set<std::string>& itemwise_names() {
  static const std::set<std::string> kNames = {
      "abs",        "acos",        "acosh",       "add",         "asin",        "asinh",       "atan",
      "atan2",      "atanh",       "bitwise_and", "bitwise_not", "bitwise_or",  "bitwise_xor", "celu",
      "clamp",      "clamp_max",   "clamp_min",   "clip",        "clone",       "contiguous",  "cos",
      "cosh",       "detach",      "div",         "elu",         "eq",          "erf",         "erfc",
      "exp",        "exp2",        "expm1",       "floor",       "fmax",        "fmin",        "full_like",
      "ge",         "gelu",        "gt",          "hardsigmoid", "hardswish",   "hardtanh",    "isfinite",
      "isinf",      "isnan",       "le",          "leaky_relu",  "lerp",        "log",         "log10",
      "log1p",      "log2",        "log_sigmoid", "logical_and", "logical_not", "logical_or",  "logical_xor",
      "lt",         "masked_fill", "maximum",     "minimum",     "mish",        "mul",         "multiply",
      "nan_to_num", "ne",          "neg",         "negative",    "ones_like",   "pow",         "reciprocal",
      "relu",       "relu6",       "round",       "rsqrt",       "rsub",        "selu",        "sigmoid",
      "sign",       "silu",        "sin",         "sinh",        "softplus",    "sqrt",        "square",
      "sub",        "subtract",    "tan",         "tanh",        "threshold",   "to",          "trunc",
      "type_as",    "where",       "zeros_like",  "_to_copy",    "addcmul",     "addcdiv",     "ceil"};
  return kNames;
}

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
  if (!call.op.starts_with("aten::") || itemwise_names().count(call.op.substr(6)) == 0) return false;
  // Integers must not be divided, or raised to negative powers, where nobody asked for it.
  const bool may_fail = call.op == "aten::pow" || call.op == "aten::div" || call.op == "aten::addcdiv";
  return !may_fail || is_floating(tape.info(call.results[0]).type);
}

Reduction reduction_over_axes(const std::string& op) {
  if (op == "aten::max" || op == "aten::amax") return {"aten::amax", "", false};
  if (op == "aten::min" || op == "aten::amin") return {"aten::amin", "", false};
  return {"aten::sum", "dim_IntList", true};
}

std::optional<TapeArgument> neutral_item(const std::string& op, ScalarType type) {
  if (op == "aten::sum" || op == "aten::mean") {
    return TapeArgument{is_floating(type) ? TapeArgument{0.0} : TapeArgument{nnef::Dim(0)}};
  }
  if (op == "aten::max" || op == "aten::amax") return extreme(type, true);
  if (op == "aten::min" || op == "aten::amin") return extreme(type, false);
  return std::nullopt;
}

}  // namespace torch2nnef
