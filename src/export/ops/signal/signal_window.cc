// Windows of signals whose length is a dynamic size, logarithmic ranges and powers of a vector.

#include <cmath>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr double kPi = 3.14159265358979323846;

// i / (n - 1), or i / n of a periodic window, in f64; a window of one item is at its middle.
Value phase(Call& call, const Dim& length, bool is_periodic) {
  Builder& b = call.builder();
  Dim span = is_periodic ? length : length - 1;
  Value divisor = b.binary("max", call.dim_tensor(span), b.constant(std::int64_t{1}, DType::kI64));
  Value share = b.binary("div", b.cast(affine_range(call, length), DType::kF64), b.cast(divisor, DType::kF64));
  Value is_single = b.binary("le", call.dim_tensor(length), b.constant(std::int64_t{1}, DType::kI64));
  return b.select(is_single, b.constant(0.5, DType::kF64), share);
}

// a0 - a1 * cos(2 pi t) + a2 * cos(4 pi t)
Value cosines(Builder& b, Value t, double a0, double a1, double a2) {
  auto term = [&](double factor, double turns) {
    Value cosine = b.unary("cos", b.binary("mul", t, b.constant(turns * 2 * kPi, DType::kF64)));
    return b.binary("mul", cosine, b.constant(factor, DType::kF64));
  };
  Value y = b.binary("sub", b.constant(a0, DType::kF64), term(a1, 1));
  return a2 == 0 ? y : b.binary("add", y, term(a2, 2));
}

void lower_window(Call& call) {
  Builder& b = call.builder();
  const std::string& op = call.tape_call().op;
  bool is_periodic = !call.tape_call().find("periodic") || call.flag("periodic");
  Value t = phase(call, call.result_shape().at(0), is_periodic);
  Value y;
  if (op == "aten::hann_window") {
    y = cosines(b, t, 0.5, 0.5, 0);
  } else if (op == "aten::hamming_window") {
    double alpha = call.tape_call().find("alpha") ? call.number("alpha") : 0.54;
    double beta = call.tape_call().find("beta") ? call.number("beta") : 0.46;
    y = cosines(b, t, alpha, beta, 0);
  } else if (op == "aten::blackman_window") {
    y = cosines(b, t, 0.42, 0.5, 0.08);
  } else {  // a triangle
    Value distance = b.unary("abs", b.binary("sub", b.binary("add", t, t), b.constant(1.0, DType::kF64)));
    y = b.binary("sub", b.constant(1.0, DType::kF64), distance);
  }
  call.result(b.cast(y, call.result_dtype()));
}

// base^x of a linear range.
void lower_logspace(Call& call) {
  Builder& b = call.builder();
  DType wide = DType::kF64;
  const Dim count = call.result_shape().at(0);
  Value start = scalar_value(call, "start", wide), end = scalar_value(call, "end", wide);
  Value last = b.binary("max", call.dim_tensor(count - 1), b.constant(std::int64_t{1}, DType::kI64));
  Value share = b.binary("div", b.cast(affine_range(call, count), wide), b.cast(last, wide));
  Value x = b.binary("add", b.binary("mul", share, b.binary("sub", end, start)), start);
  Value y = b.unary("exp", b.binary("mul", x, b.constant(std::log(call.number("base")), wide)));
  call.result(b.cast(y, call.result_dtype()));
}

// 1, x, x^2, ... along a new last axis, or the other way round.
void lower_vander(Call& call) {
  Builder& b = call.builder();
  bool is_old = call.tape_call().op == "aten::vander";
  bool is_increasing = !is_old || call.flag("increasing");
  const Shape& shape = call.result_shape();
  if (is_empty(shape)) return call.result(zeros(call, call.result_dtype(), shape));
  Value x = call.tensor_as("x", call.result_dtype());
  x = b.unsqueeze(x, {b.rank(x)});
  Value power = filled(call, constant_of(call, 1, call.result_dtype()), b.shape(x));
  std::vector<Value> columns;
  for (std::int64_t i = 0; i < shape.back().value(); ++i) {
    if (i == 1) power = x;
    if (i > 1) power = b.binary("mul", power, x);
    columns.insert(is_increasing ? columns.end() : columns.begin(), power);
  }
  call.result(b.concat(columns, b.rank(x) - 1));
}

}  // namespace

void register_signal_window(Registry& registry) {
  registry.add("aten::hann_window aten::hamming_window aten::blackman_window aten::bartlett_window", lower_window);
  registry.add("aten::logspace", lower_logspace);
  registry.add("aten::vander aten::linalg_vander", lower_vander, "the number of powers must be static");
}

}  // namespace torch2nnef
