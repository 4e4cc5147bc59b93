// softmax and its logarithm.

#include "export/ops/networks/softmax.h"

#include <limits>

#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {

Value softmax(Builder& b, Value x, int axis, bool is_log) {
  DType dtype = b.dtype(x);
  x = b.cast(x, arithmetic_type(dtype));
  Value y;
  if (!is_log) {
    y = b.add("softmax", {x}, {{"axes", std::vector<std::int64_t>{axis}}});
  } else if (b.dialect().has("tract_core_log_softmax")) {
    y = b.add("tract_core_log_softmax", {x}, {{"axes", std::vector<std::int64_t>{axis}}});
  } else {
    y = b.binary("sub", x, log_sum_exp(b, x, {{axis}, true}));
  }
  return b.cast(y, dtype);
}

namespace {

// torch converts the argument to the dtype asked for first; rank 0 counts as one row of one item.
void lower_over_axis(Call& call, bool is_log) {
  Builder& b = call.builder();
  Value x = call.tensor_as("self", call.result_dtype());
  if (is_empty(call.result_shape())) return call.result(x);
  if (b.rank(x) == 0) return call.result(constant_of(call, is_log ? 0 : 1, call.result_dtype()));
  call.result(softmax(b, x, call.axis("dim", b.rank(x)), is_log));
}
void lower_softmax(Call& call) { lower_over_axis(call, false); }
void lower_log_softmax(Call& call) { lower_over_axis(call, true); }

// Zeros where a row is -inf throughout. Its largest item is not asked for: tract gives the lowest finite number.
void lower_safe_softmax(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor_as("self", call.result_dtype());
  if (b.rank(x) == 0) throw Unsupported("_safe_softmax of a number");
  int axis = call.axis("dim", b.rank(x));
  Value is_seen = b.binary("ne", x, b.literal(-std::numeric_limits<double>::infinity(), b.dtype(x)));
  Value sees_any = b.dialect().has("any_reduce")
                       ? b.reduce("any_reduce", is_seen, {axis}, true)
                       : b.cast(b.reduce("max_reduce", b.cast(is_seen, DType::kI64), {axis}, true), DType::kBool);
  call.result(b.select(sees_any, softmax(b, x, axis, false), b.literal(0.0, b.dtype(x))));
}

}  // namespace

void register_softmax(Registry& registry) {
  registry.add("aten::softmax aten::_softmax aten::special_softmax", lower_softmax);
  registry.add("aten::log_softmax aten::_log_softmax aten::special_log_softmax", lower_log_softmax);
  registry.add("aten::_safe_softmax", lower_safe_softmax);
}

}  // namespace torch2nnef
