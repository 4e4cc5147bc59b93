// The largest and the smallest item, where they stand, and whether all or any items hold.

#include <limits>

#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// The dtype in which the engine compares: booleans as bytes (T-REDUCE-BOOL).
DType comparable(DType dtype) { return dtype == DType::kBool ? DType::kU8 : dtype; }

// Whether any item is true. The engine's own operator is young; before it, the largest of zeros and ones.
Value any_of(Builder& b, Value x, const Reduction& reduction) {
  if (b.dialect().has("any_reduce")) return b.reduce("any_reduce", x, reduction.axes, reduction.keepdim);
  Value y = b.reduce("max_reduce", b.cast(x, DType::kI64), reduction.axes, reduction.keepdim);
  return b.cast(y, DType::kBool);
}

// The engine's extrema drop NaN (T-NAN-MAX-REDUCE, T-NAN-MIN-REDUCE); torch's are NaN as soon as one item is.
Value extremum(Call& call, Value x, const char* op, const Reduction& reduction) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  Value y = b.cast(b.reduce(op, b.cast(x, comparable(dtype)), reduction.axes, reduction.keepdim), dtype);
  if (!nnef::is_float(dtype) || reduction.axes.empty()) return y;
  Value has_nan = any_of(b, b.binary("ne", x, x), reduction);
  return b.select(has_nan, b.literal(std::numeric_limits<double>::quiet_NaN(), dtype), y);
}

// The first place of the extremum along one axis. That of a NaN is lost (T-NAN-ARGMAX, T-NAN-ARGMIN).
Value place_of(Call& call, Value x, const char* op, const Reduction& reduction) {
  Builder& b = call.builder();
  if (reduction.axes.empty()) return b.constant(std::int64_t{0}, DType::kI64);
  return b.reduce(op, b.cast(x, comparable(b.dtype(x))), reduction.axes, reduction.keepdim);
}

// max and min without arguments, and along an axis with indices.
void lower_extremum(Call& call, const char* op, const char* place) {
  if (call.tape_call().find("other")) throw DoesNotApply("the elementwise form");
  Value x = call.tensor("self");
  Reduction reduction = reduction_of(call);
  if (call.wanted(0)) call.result(0, extremum(call, x, op, reduction));
  if (call.wanted(1)) call.result(1, place_of(call, x, place, reduction));
}
void lower_max(Call& call) { lower_extremum(call, "max_reduce", "argmax_reduce"); }
void lower_min(Call& call) { lower_extremum(call, "min_reduce", "argmin_reduce"); }

void lower_amax(Call& call) { call.result(extremum(call, call.tensor("self"), "max_reduce", reduction_of(call))); }
void lower_amin(Call& call) { call.result(extremum(call, call.tensor("self"), "min_reduce", reduction_of(call))); }

void lower_aminmax(Call& call) {
  Value x = call.tensor("self");
  Reduction reduction = reduction_of(call);
  if (!call.has("dim") && reduction.keepdim) reduction.keepdim = !call.result_shape().empty();
  if (call.wanted(0)) call.result(0, extremum(call, x, "min_reduce", reduction));
  if (call.wanted(1)) call.result(1, extremum(call, x, "max_reduce", reduction));
}

// Without an axis, the place in the flattened tensor.
void lower_place(Call& call, const char* op) {
  Value x = call.tensor("self");
  if (call.has("dim") || call.rank("self") == 0) return call.result(place_of(call, x, op, reduction_of(call)));
  Value flat = reshape_to(call, x, {nnef::volume(call.shape("self"))});
  call.result(reshape_to(call, place_of(call, flat, op, {{0}, false}), call.result_shape()));
}
void lower_argmax(Call& call) { lower_place(call, "argmax_reduce"); }
void lower_argmin(Call& call) { lower_place(call, "argmin_reduce"); }

void lower_any(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("self"))) return call.result(zeros(call, dtype, call.result_shape()));
  call.result(b.cast(any_of(b, is_not_zero(b, call.tensor("self")), reduction_of(call)), dtype));
}

// Everything holds when nothing does not.
void lower_all(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("self"))) return call.result(filled(call, constant_of(call, 1, dtype), call.result_shape()));
  Value is_zero = b.unary("not", is_not_zero(b, call.tensor("self")));
  call.result(b.cast(b.unary("not", any_of(b, is_zero, reduction_of(call))), dtype));
}

}  // namespace

void register_extremum(Registry& registry) {
  static constexpr char kLimits[] = "indices do not look at NaN";
  registry.add("aten::max", lower_max, kLimits);
  registry.add("aten::min", lower_min, kLimits);
  registry.add("aten::amax", lower_amax);
  registry.add("aten::amin", lower_amin);
  registry.add("aten::aminmax aten::_aminmax", lower_aminmax);
  registry.add("aten::argmax", lower_argmax, kLimits);
  registry.add("aten::argmin", lower_argmin, kLimits);
  registry.add("aten::any", lower_any);
  registry.add("aten::all", lower_all);
}

}  // namespace torch2nnef
