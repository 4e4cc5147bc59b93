// Complex tensors: made of real ones, taken apart, and computed with. The format has real items only; see ValueMap for
// the two forms in which a complex value stands in the graph.

#include "export/lower/sub_call.h"
#include "export/ops/number_types/complex_parts.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

void lower_view_as_real(Call& call) { call.result(call.packed("self")); }
void lower_view_as_complex(Call& call) { call.result_packed(call.tensor("self")); }
void lower_real(Call& call) { call.result(call.parts("self").re); }
void lower_imag(Call& call) { call.result(call.parts("self").im); }

void lower_complex(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.part_dtype();
  call.result_parts({b.broadcast_to(call.tensor_as("real", dtype), call.result_shape()),
                     b.broadcast_to(call.tensor_as("imag", dtype), call.result_shape())});
}

void lower_polar(Call& call) {
  Builder& b = call.builder();
  Value length = call.tensor("abs"), angle = call.tensor("angle");
  call.result_parts({b.binary("mul", length, b.unary("cos", angle)), b.binary("mul", length, b.unary("sin", angle))});
}

void lower_identity(Call& call) { call.result_parts(call.parts("self")); }

void lower_conj(Call& call) {
  ComplexParts x = call.parts("self");
  call.result_parts({x.re, call.builder().unary("neg", x.im)});
}

// The conjugate of the transposed matrix: a transpose of the last two axes.
void lower_adjoint(Call& call) {
  Builder& b = call.builder();
  std::vector<int> order;
  for (int axis = 0; axis < call.rank("self"); ++axis) order.push_back(axis);
  if (order.size() >= 2) std::swap(order[order.size() - 1], order[order.size() - 2]);
  ComplexParts x = call.parts("self");
  call.result_parts({b.transpose(x.re, order), b.unary("neg", b.transpose(x.im, order))});
}

// To another complex dtype, from a real one, or to a real one, which drops the imaginary part as torch does.
void lower_cast(Call& call) {
  if (is_complex(call.result_type())) return lower_by_parts(call);
  if (call.result_type() == ScalarType::kBool) throw Unsupported("a complex tensor made bool");
  call.result(lower_on_parts(call, {Part::kReal}, false).at(0));
}

// Of any tensor; a real one has an imaginary part of 0.
void lower_as_complex(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.part_dtype();
  if (!call.is_complex("self")) {
    return call.result_parts({call.tensor_as("self", dtype), zeros(call, dtype, call.result_shape())});
  }
  ComplexParts x = call.parts("self");
  call.result_parts({b.cast(x.re, dtype), b.cast(x.im, dtype)});
}

Value squared_length(Builder& b, ComplexParts x) {
  return b.binary("add", b.binary("mul", x.re, x.re), b.binary("mul", x.im, x.im));
}

Value length(Builder& b, ComplexParts x) { return b.unary("sqrt", squared_length(b, x)); }

void lower_abs(Call& call) { call.result(length(call.builder(), call.parts("self"))); }

void lower_angle(Call& call) {
  ComplexParts x = call.parts("self");
  SubCall atan2(call, "aten::atan2");
  atan2.argument("self", {atan2.tensor(x.im)});
  atan2.argument("other", {atan2.tensor(x.re)});
  atan2.expect(call.result_type(), call.result_shape());
  call.result(atan2.run().at(0));
}

// x / |x|, and 0 of 0.
void lower_sgn(Call& call) {
  Builder& b = call.builder();
  ComplexParts x = call.parts("self");
  Value size = length(b, x), zero = b.constant(0.0, b.dtype(size)), one = b.constant(1.0, b.dtype(size));
  Value divisor = b.select(b.binary("eq", size, zero), one, size);
  call.result_parts({b.binary("div", x.re, divisor), b.binary("div", x.im, divisor)});
}

// x / y = x * conj(y) / |y|^2, conj(y) divided by the larger part of y first: the squares of small parts vanish.
ComplexParts quotient(Builder& b, ComplexParts x, ComplexParts y) {
  Value larger = b.binary("max", b.unary("abs", y.re), b.unary("abs", y.im));
  ComplexParts unit{b.binary("div", y.re, larger), b.binary("div", y.im, larger)};
  Value divisor = b.binary("add", b.binary("mul", y.re, unit.re), b.binary("mul", y.im, unit.im));
  Value re = b.binary("add", b.binary("mul", x.re, unit.re), b.binary("mul", x.im, unit.im));
  Value im = b.binary("sub", b.binary("mul", x.im, unit.re), b.binary("mul", x.re, unit.im));
  return {b.binary("div", re, divisor), b.binary("div", im, divisor)};
}

bool is_complex_number(const Call& call, std::string_view name) {
  const std::string* text = std::get_if<std::string>(&call.tape_call().find(name)->is);
  return text && text->rfind("<Complex", 0) == 0;
}

void lower_div(Call& call) {
  if (call.has("rounding_mode")) throw Unsupported("a rounded quotient of complex tensors");
  if (is_complex_number(call, "other")) throw Unsupported("a complex number as an argument");
  if (!call.is_complex("other")) return lower_bilinear(call);
  DType dtype = call.part_dtype();
  ComplexParts x = complex_argument(call, "self", dtype);
  call.result_parts(quotient(call.builder(), x, complex_argument(call, "other", dtype)));
}

void lower_reciprocal(Call& call) {
  DType dtype = call.part_dtype();
  ComplexParts one{constant_of(call, 1, dtype), constant_of(call, 0, dtype)};
  call.result_parts(quotient(call.builder(), one, call.parts("self")));
}

void lower_square(Call& call) {
  Builder& b = call.builder();
  ComplexParts x = call.parts("self");
  Value cross = b.binary("mul", x.re, x.im);
  Value re = b.binary("sub", b.binary("mul", x.re, x.re), b.binary("mul", x.im, x.im));
  call.result_parts({re, b.binary("add", cross, cross)});
}

void lower_pow(Call& call) {
  bool is_square = !call.is_complex("exponent") && call.tape_call().overload == "Tensor_Scalar" &&
                   !is_complex_number(call, "exponent") && call.number("exponent") == 2;
  if (!is_square) throw Unsupported("a power of complex tensors other than the square");
  lower_square(call);
}

void lower_exp(Call& call) {
  Builder& b = call.builder();
  ComplexParts x = call.parts("self");
  Value size = b.unary("exp", x.re);
  call.result_parts({b.binary("mul", size, b.unary("cos", x.im)), b.binary("mul", size, b.unary("sin", x.im))});
}

constexpr std::string_view kMovedByParts =
    "aten::view aten::reshape aten::_unsafe_view aten::_reshape_alias aten::view_as aten::reshape_as aten::flatten "
    "aten::unflatten aten::ravel aten::view_copy aten::squeeze aten::squeeze_copy aten::unsqueeze aten::unsqueeze_copy "
    "aten::atleast_1d aten::atleast_2d aten::atleast_3d aten::transpose aten::swapaxes aten::swapdims "
    "aten::transpose_copy aten::t aten::mT aten::t_copy aten::numpy_T aten::permute aten::permute_copy aten::movedim "
    "aten::moveaxis aten::expand aten::expand_as aten::broadcast_to aten::expand_copy aten::broadcast_tensors "
    "aten::slice aten::slice_copy aten::narrow aten::narrow_copy aten::select aten::select_copy aten::diagonal "
    "aten::diagonal_copy aten::diag aten::diagflat aten::diag_embed aten::unfold aten::select_scatter "
    "aten::slice_scatter aten::diagonal_scatter aten::cat aten::concat aten::concatenate aten::stack aten::hstack "
    "aten::vstack aten::row_stack aten::dstack aten::column_stack aten::repeat aten::tile aten::repeat_interleave "
    "aten::roll aten::flip aten::fliplr aten::flipud aten::rot90 aten::meshgrid aten::split aten::split_with_sizes "
    "aten::chunk aten::unbind aten::tensor_split aten::index aten::index_select aten::gather aten::take_along_dim "
    "aten::tril aten::triu aten::pad aten::constant_pad_nd aten::zeros aten::new_zeros aten::zeros_like aten::full "
    "aten::new_full aten::full_like aten::where aten::masked_fill aten::copy";

constexpr std::string_view kSummedByParts =
    "aten::add aten::sub aten::subtract aten::rsub aten::neg aten::negative aten::sum aten::mean aten::cumsum";

constexpr std::string_view kBilinear =
    "aten::mul aten::multiply aten::matmul aten::mm aten::bmm aten::mv aten::outer aten::dot aten::inner aten::einsum "
    "aten::tensordot aten::kron";

}  // namespace

void register_complex(Registry& registry) {
  auto add = [&](std::string_view names, LoweringFunction lower) {
    registry.add(names, std::move(lower), "complex tensors", Domain::kComplex);
  };
  add("aten::view_as_real aten::view_as_real_copy", lower_view_as_real);
  add("aten::view_as_complex aten::view_as_complex_copy", lower_view_as_complex);
  add("aten::real", lower_real);
  add("aten::imag", lower_imag);
  add("aten::complex", lower_complex);
  add("aten::polar", lower_polar);
  add("aten::conj aten::_conj aten::conj_physical aten::_conj_physical", lower_conj);
  add("aten::alias aten::detach aten::clone aten::contiguous aten::lift aten::lift_fresh aten::positive aten::cpu "
      "aten::resolve_conj aten::resolve_neg aten::alias_copy aten::detach_copy",
      lower_identity);
  add("aten::mH aten::matrix_H aten::adjoint", lower_adjoint);
  add("aten::to aten::_to_copy aten::type_as aten::_cast_Float aten::_cast_Double", lower_cast);
  add("aten::chalf aten::cfloat aten::cdouble", lower_as_complex);
  add("aten::abs aten::absolute", lower_abs);
  add("aten::angle", lower_angle);
  add("aten::sgn", lower_sgn);
  add("aten::div aten::divide aten::true_divide", lower_div);
  add("aten::reciprocal", lower_reciprocal);
  add("aten::square", lower_square);
  add("aten::pow", lower_pow);
  add("aten::exp", lower_exp);
  add(kMovedByParts, lower_by_parts);
  add(kSummedByParts, lower_by_parts);
  add(kBilinear, lower_bilinear);
}

}  // namespace torch2nnef
