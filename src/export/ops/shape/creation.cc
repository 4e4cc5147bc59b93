// Tensors made of sizes and numbers. Those of known sizes were made at export; here sizes or numbers are symbolic, or
// the result is too large to be a variable.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

void lower_zeros(Call& call) { call.result(zeros(call, call.result_dtype(), call.result_shape())); }

void lower_ones(Call& call) {
  call.result(filled(call, constant_of(call, 1, call.result_dtype()), call.result_shape()));
}

void lower_full(Call& call) {
  std::string_view name = call.tape_call().find("fill_value") ? "fill_value" : "value";
  Value number = reshape_to(call, scalar_value(call, name, call.result_dtype()), {});
  call.result(filled(call, number, call.result_shape()));
}

void lower_scalar_tensor(Call& call) { call.result(scalar_value(call, "s", call.result_dtype())); }

// start + i * step, in int64 or float64 as torch computes it, then cast.
void lower_arange(Call& call) {
  Builder& b = call.builder();
  bool is_integer = nnef::is_integer(call.result_dtype());
  for (std::string_view name : {"start", "end", "step"}) {
    if (call.has(name) && !call.is_integer_number(name)) is_integer = false;
  }
  Dim count = call.result_shape().at(0);
  if (count == Dim(0)) return lower_zeros(call);
  DType dtype = is_integer ? DType::kI64 : DType::kF64;
  Value y = b.cast(affine_range(call, count), dtype);
  if (call.has("step") && !call.is_default("step")) y = b.binary("mul", y, scalar_value(call, "step", dtype));
  bool has_start = call.has("start");
  if (has_start && !(call.is_integer_number("start") && call.dim("start") == Dim(0))) {
    y = b.binary("add", y, scalar_value(call, "start", dtype));
  }
  call.result(b.cast(y, call.result_dtype()));
}

void lower_linspace(Call& call) {
  Builder& b = call.builder();
  Dim count = call.result_shape().at(0);
  DType dtype = DType::kF64;
  Value start = scalar_value(call, "start", dtype);
  if (count == Dim(0)) return lower_zeros(call);
  if (!nnef::is_float(call.result_dtype())) throw Unsupported("linspace of integers");
  if (count == Dim(1)) return call.result(b.cast(b.unsqueeze(start, {0}), call.result_dtype()));
  Value span = b.binary("sub", scalar_value(call, "end", dtype), start);
  Value last = b.binary("max", call.dim_tensor(count - 1), b.constant(std::int64_t{1}, DType::kI64));
  Value parts = b.binary("mul", b.cast(affine_range(call, count), dtype), span);
  Value y = b.binary("add", b.binary("div", parts, b.cast(last, dtype)), start);
  call.result(b.cast(y, call.result_dtype()));
}

void lower_eye(Call& call) {
  Builder& b = call.builder();
  const Shape& shape = call.result_shape();
  if (is_empty(shape)) return lower_zeros(call);
  Value rows = b.unsqueeze(affine_range(call, shape.at(0)), {1});
  Value columns = b.unsqueeze(affine_range(call, shape.at(1)), {0});
  call.result(b.cast(b.binary("eq", rows, columns), call.result_dtype()));
}

}  // namespace

void register_creation(Registry& registry) {
  registry.add(
      "aten::zeros aten::new_zeros aten::zeros_like aten::zero aten::empty aten::new_empty aten::empty_like "
      "aten::empty_strided aten::new_empty_strided",
      lower_zeros, "what torch leaves undefined is zeros");
  registry.add("aten::ones aten::new_ones aten::ones_like", lower_ones);
  registry.add("aten::full aten::new_full aten::full_like aten::fill", lower_full);
  registry.add("aten::scalar_tensor", lower_scalar_tensor);
  registry.add("aten::arange aten::range", lower_arange);
  registry.add("aten::linspace", lower_linspace);
  registry.add("aten::eye", lower_eye);
}

}  // namespace torch2nnef
