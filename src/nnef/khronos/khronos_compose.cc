// What tract has as one operator and the standard as several.
#include <cmath>
#include <limits>

#include "nnef/khronos/khronos_writer.h"

namespace nnef {
namespace {

std::vector<std::int64_t> axes_of(std::int64_t axis) { return {axis}; }

double decimal(const Operation& operation, std::string_view name, double otherwise) {
  const Argument* argument = operation.find(name);
  const double* number = argument ? std::get_if<double>(&argument->is) : nullptr;
  return number ? *number : otherwise;
}

bool logical(const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  const bool* value = argument ? std::get_if<bool>(&argument->is) : nullptr;
  return value && *value;
}

}  // namespace

// numpy's broadcast_to: ranks aligned right.
void KhronosWriter::broadcast(const Operation& operation) {
  const Shape wanted = source_.info(operation.results.at(0)).shape;
  const Value x = align(value(operation, "input"), wanted.size());
  Shape repeats;
  bool once = true;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Dim factor = shape(x)[i] == wanted[i] ? Dim(1) : mapped(wanted[i]).dim()->value();
    once = once && factor == Dim(1);
    repeats.push_back(factor);
  }
  if (once) return alias(operation, x);
  finish(operation, "tile", {{"input", x}, {"repeats", repeats}});
}

void KhronosWriter::exclusive_or(const Operation& operation) {
  const Argument x = given(operation, "x"), y = given(operation, "y");
  const Value only_x = binary("and", x, unary("not", y)), only_y = binary("and", unary("not", x), y);
  finish(operation, "or", {{"x", only_x}, {"y", only_y}});
}

void KhronosWriter::is_nan(const Operation& operation) {
  const Argument x = given(operation, "x");
  finish(operation, "ne", {{"x", x}, {"y", x}});
}

void KhronosWriter::power(const Operation& operation) {
  finish(operation, "pow", {{"x", given(operation, "input")}, {"y", given(operation, "exponent")}});
}

void KhronosWriter::log_softmax(const Operation& operation) {
  const Argument x = given(operation, "x"), axes = given(operation, "axes");
  const Value shifted = binary("sub", x, add("max_reduce", {{"input", x}, {"axes", axes}}));
  const Value sum = add("sum_reduce", {{"input", unary("exp", shifted)}, {"axes", axes}});
  finish(operation, "sub", {{"x", shifted}, {"y", unary("log", sum)}});
}

void KhronosWriter::rms_norm(const Operation& operation) {
  const Argument x = given(operation, "input");
  const auto axes = axes_of(number(operation, "axis"));
  const Value mean = add("mean_reduce", {{"input", unary("sqr", x)}, {"axes", axes}});
  const Value scale = unary("rsqrt", binary("add", mean, decimal(operation, "eps", 1e-6)));
  finish(operation, "mul", {{"x", x}, {"y", scale}});
}

// x * min(max(x / 6 + 1/2, 0), 1)
void KhronosWriter::hard_swish(const Operation& operation) {
  const Argument x = given(operation, "x");
  const Value line = binary("add", binary("mul", x, 1.0 / 6.0), 0.5);
  finish(operation, "mul", {{"x", x}, {"y", add("clamp", {{"x", line}, {"a", 0.0}, {"b", 1.0}})}});
}

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ^ 3)))
void KhronosWriter::gelu(const Operation& operation) {
  if (logical(operation, "fast_impl")) refuse("its fast form is another function");
  const Argument x = given(operation, "input");
  const Value cube = binary("mul", x, unary("sqr", x));
  const Value inner = binary("mul", binary("add", x, binary("mul", cube, 0.044715)), std::sqrt(2.0 / M_PI));
  const Value outer = binary("add", unary("tanh", inner), 1.0);
  finish(operation, "mul", {{"x", binary("mul", x, 0.5)}, {"y", outer}});
}

// Abramowitz and Stegun 7.1.26, which is off by 1.5e-7 at most:
//   erf(x) = sign(x) * (1 - (a1 t + a2 t^2 + .. + a5 t^5) * exp(-x^2)), t = 1 / (1 + p |x|)
void KhronosWriter::error_function(const Operation& operation) {
  const Argument x = given(operation, "x");
  const Value t = unary("rcp", binary("add", binary("mul", unary("abs", x), 0.3275911), 1.0));
  Value sum = binary("add", binary("mul", t, 1.061405429), -1.453152027);
  for (const double a : {1.421413741, -0.284496736, 0.254829592}) sum = binary("add", binary("mul", sum, t), a);
  const Value tail = binary("mul", binary("mul", sum, t), unary("exp", unary("neg", unary("sqr", x))));
  finish(operation, "mul", {{"x", unary("sign", x)}, {"y", binary("sub", 1.0, tail)}});
}

// softmax(q k^T * scale + mask) v
void KhronosWriter::attention(const Operation& operation) {
  const Value q = value(operation, "q"), k = value(operation, "k"), v = value(operation, "v");
  const std::size_t rank = shape(q).size();
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    if (shape(q)[i] != shape(k)[i]) refuse("its query has more heads than its key");
  }
  if (logical(operation, "is_causal")) refuse("it is causal: give a mask");
  Value scores = add("matmul", {{"A", q}, {"B", k}, {"transposeA", false}, {"transposeB", true}});
  const double width = static_cast<double>(shape(q).back().value());
  scores = binary("mul", scores, decimal(operation, "scale", 1.0 / std::sqrt(width)));
  if (operation.find("mask")) scores = binary("add", scores, align(value(operation, "mask"), rank));
  const Value weights = add("softmax", {{"x", scores}, {"axes", axes_of(static_cast<std::int64_t>(rank) - 1)}});
  finish(operation, "matmul", {{"A", weights}, {"B", v}, {"transposeA", false}, {"transposeB", false}});
}

// By whole factors only.
void KhronosWriter::resize(const Operation& operation) {
  const auto text = [&](const char* name, const char* otherwise) {
    const Argument* argument = operation.find(name);
    return argument ? std::get<std::string>(argument->is) : std::string(otherwise);
  };
  const Value x = value(operation, "input");
  const Shape& wanted = source_.info(operation.results.at(0)).shape;
  std::vector<std::int64_t> factors;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::int64_t to = mapped(wanted[i]).dim()->value(), from = shape(x)[i].value();
    const bool whole = to % from == 0 && (i >= 2 || to == from);
    if (!whole) refuse("Khronos NNEF resizes by whole factors");
    if (i >= 2) factors.push_back(to / from);
  }
  const std::string transformer = text("coord_transformer", "half_pixel"), kind = text("interpolator", "nearest");
  if (kind == "nearest" &&
      (transformer == "half_pixel" || (transformer == "asymmetric" && text("nearest_mode", "") == "floor"))) {
    return finish(operation, "nearest_upsample", {{"input", x}, {"factor", factors}});
  }
  const bool aligned = transformer == "align_corners";
  if (kind != "linear" || (!aligned && transformer != "half_pixel")) refuse("Khronos NNEF has no such interpolation");
  finish(operation, "multilinear_upsample",
         {{"input", x}, {"factor", factors}, {"method", aligned ? "aligned" : "symmetric"}, {"border", "replicate"}});
}

}  // namespace nnef
