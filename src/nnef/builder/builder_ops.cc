// The operations that lowerings use most: torch's conventions in, safe NNEF out.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "nnef/builder/builder.h"
#include "nnef/builder/builder_state.h"
#include "nnef/dim/dim_parts.h"

namespace nnef {
namespace {

std::vector<std::int64_t> numbers(const std::vector<int>& axes) { return {axes.begin(), axes.end()}; }

// Ascending; refuses what is outside 0 .. rank-1 (T-SOFTMAX-NEGATIVE-AXIS) or named twice.
std::vector<int> sorted_axes(std::string_view op, std::vector<int> axes, int rank) {
  std::sort(axes.begin(), axes.end());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= rank || (i > 0 && axes[i] == axes[i - 1])) {
      throw BuildError(std::string(op) + ": axis " + std::to_string(axes[i]) + " is named twice or is not one of the " +
                       std::to_string(rank) + " axes.");
    }
  }
  return axes;
}

bool is_equality(std::string_view op) { return op == "eq" || op == "ne"; }

// tract makes x * x a square, which it lacks for integers of 16 and of 64 bits (T-SQUARE-I64), and which ends at the
// bounds of the others (T-SQUARE-SATURATES).
Value integer_square(Builder& b, Value x) {
  const DType own = b.dtype(x);
  const Value wide = own == DType::kU8 ? b.cast(x, DType::kI16) : x;
  return b.cast(b.unary("neg", b.binary("mul", wide, b.unary("neg", wide))), own);
}

}  // namespace

Value Builder::cast(Value x, DType to) {
  if (dtype(x) == to) return x;
  const Value made = add("tract_core_cast", {x}, {{"to", std::string(to_string(to))}});
  if (state_->integers.contains(x.id) && !is_float(to)) state_->integers.insert(made.id);
  return made;
}

Value Builder::reshape(Value x, const Shape& wanted) {
  const Shape from = shape(x);
  if (from == wanted) return x;
  const bool only_ones = std::all_of(from.begin(), from.end(), [](const Dim& dim) { return dim == Dim(1); });
  if (wanted.empty()) {  // T-RESHAPE-RANK-0
    if (!only_ones) throw BuildError("reshape: " + to_string(from) + " cannot become a scalar.");
    std::vector<int> axes(from.size());
    std::iota(axes.begin(), axes.end(), 0);
    return squeeze(x, axes);
  }
  if (std::any_of(wanted.begin(), wanted.end(), [](const Dim& dim) { return dim == Dim(-1); })) {
    throw BuildError("reshape: the shape " + to_string(wanted) + " must be written out.");
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {  // a 0 in the text means the extent at its place
    if (wanted[i] == Dim(0) && (i >= from.size() || from[i] != Dim(0))) {
      throw BuildError("reshape: " + to_string(from) + " cannot become " + to_string(wanted) +
                       ", whose 0 would be a copy.");
    }
  }
  if (from.empty() && wanted.size() == 1 && wanted[0] == Dim(1)) return unsqueeze(x, {0});
  return add("reshape", {x}, {{"shape", Argument(wanted)}});
}

Value Builder::transpose(Value x, const std::vector<int>& permutation) {
  if (permutation.size() != shape(x).size()) {
    throw BuildError("transpose: the permutation does not have the rank of " + to_string(shape(x)) + ".");
  }
  if (std::is_sorted(permutation.begin(), permutation.end()) && (permutation.empty() || permutation.front() == 0) &&
      std::adjacent_find(permutation.begin(), permutation.end()) == permutation.end()) {
    return x;
  }
  return add("transpose", {x}, {{"axes", numbers(permutation)}});
}

Value Builder::squeeze(Value x, std::vector<int> axes) {
  if (axes.empty()) return x;
  return add("squeeze", {x}, {{"axes", numbers(sorted_axes("squeeze", std::move(axes), rank(x)))}});
}

Value Builder::unsqueeze(Value x, std::vector<int> axes) {
  if (axes.empty()) return x;
  const int result_rank = rank(x) + static_cast<int>(axes.size());
  return add("unsqueeze", {x}, {{"axes", numbers(sorted_axes("unsqueeze", std::move(axes), result_rank))}});
}

Value Builder::slice(Value x, int axis, const Dim& begin, const Dim& end, std::int64_t stride) {
  if (axis < 0 || axis >= rank(x)) throw BuildError("slice: there is no axis " + std::to_string(axis) + ".");
  // Bounds of a stride of -1 are those before the reversal (T-SLICE-REVERSED).
  if (stride < 1 && stride != -1) throw BuildError("slice: the stride " + std::to_string(stride) + " is not possible.");
  const Dim whole = shape(x)[static_cast<std::size_t>(axis)];
  if (begin == Dim(0) && end == whole && stride == 1) return x;
  Dim stop = end;
  // The engine has (length+stride-1)/stride items and does not see that (2*S+1)/2 is S (T-SLICE-COUNT-FORM): the end
  // goes to the last item.
  if (const Dim count = ceil_div(end - begin, std::max<std::int64_t>(stride, 1));
      stride > 1 && !(end - begin).is_constant() && !is_rounded(count)) {
    stop = begin + (count - 1) * stride + 1;
  }
  std::vector<NamedArgument> attributes{
      {"axes", std::vector<std::int64_t>{axis}}, {"begin", std::vector<Dim>{begin}}, {"end", std::vector<Dim>{stop}}};
  if (stride != 1) attributes.push_back({"stride", std::vector<std::int64_t>{stride}});
  return add("slice", {x}, std::move(attributes));
}

Value Builder::concat(const std::vector<Value>& values, int axis) {
  if (values.empty()) throw BuildError("concat: nothing to join.");
  if (axis < 0 || axis >= rank(values[0])) throw BuildError("concat: there is no axis " + std::to_string(axis) + ".");
  if (values.size() == 1) return values[0];
  return add("concat", {Argument(values)}, {{"axis", axis}});
}

Value Builder::tile(Value x, const Shape& repeats) {
  const bool once = std::all_of(repeats.begin(), repeats.end(), [](const Dim& dim) { return dim == Dim(1); });
  if (once && repeats.size() == shape(x).size()) return x;
  return add("tile", {x}, {{"repeats", Argument(repeats)}});
}

Value Builder::broadcast_to(Value x, const Shape& wanted) {
  if (shape(x) == wanted) return x;
  if (dialect_.has("tract_core_broadcast")) {
    // tract takes a tensor of symbolic shape that is full of one number for a mask, and replaces the products,
    // selections and conjunctions with it by an operand, be that of another shape (T-UNIFORM-MASK). It does not look
    // through this (unfolded_range).
    const bool is_symbolic =
        std::any_of(wanted.begin(), wanted.end(), [](const Dim& dim) { return !dim.is_constant(); });
    if (is_symbolic && state_->integers.contains(x.id) && dialect_.has("tract_core_bitand")) {
      const Value filled = add("tract_core_broadcast", {cast(x, DType::kI64)}, {{"shape", Argument(wanted)}});
      return cast(add("tract_core_bitand", {filled, constant(std::int64_t{-1}, DType::kI64)}), dtype(x));
    }
    return add("tract_core_broadcast", {x}, {{"shape", Argument(wanted)}});
  }
  const Value aligned = align_rank(x, static_cast<int>(wanted.size()));
  Shape repeats;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Dim& dim = shape(aligned)[i];
    if (dim != wanted[i] && dim != Dim(1)) {
      throw BuildError("broadcast: " + to_string(shape(x)) + " cannot become " + to_string(wanted) + ".");
    }
    repeats.push_back(dim == wanted[i] ? Dim(1) : wanted[i]);
  }
  return tile(aligned, repeats);
}

Value Builder::align_rank(Value x, int wanted) {
  if (rank(x) > wanted) throw BuildError("A value of rank " + std::to_string(rank(x)) + " cannot have a lower rank.");
  std::vector<int> axes(static_cast<std::size_t>(wanted - rank(x)));
  std::iota(axes.begin(), axes.end(), 0);
  return unsqueeze(x, axes);
}

Argument Builder::beside(const Argument& argument, DType wanted, std::string_view op) {
  if (argument.value() != nullptr) return argument;
  if (const double* number = std::get_if<double>(&argument.is)) return literal(*number, wanted);
  if (const bool* logical = std::get_if<bool>(&argument.is)) return literal(std::int64_t{*logical ? 1 : 0}, wanted);
  const Dim* dim = argument.dim();
  if (dim == nullptr) throw BuildError(std::string(op) + ": a list or a string cannot be an operand.");
  if (dim->is_constant()) return literal(dim->value(), wanted);
  return add("tract_core_cast", {*dim}, {{"to", std::string(to_string(wanted))}});
}

// T-RANK-AT-END
void Builder::align_all(std::initializer_list<Argument*> operands) {
  int most = 0;
  for (Argument* operand : operands) {
    if (operand->value() != nullptr) most = std::max(most, rank(*operand->value()));
  }
  for (Argument* operand : operands) {
    const Value* value = operand->value();
    if (value != nullptr && rank(*value) > 0) *operand = align_rank(*value, most);
  }
}

Value Builder::binary(std::string_view op, Argument a, Argument b) {
  const Value* one = a.value() != nullptr ? a.value() : b.value();
  if (one == nullptr) throw BuildError(std::string(op) + ": at least one operand must be a tensor.");
  const DType wanted = dtype(*one);
  a = beside(a, wanted, op);
  b = beside(b, wanted, op);
  align_all({&a, &b});
  if (wanted == DType::kBool && is_equality(op) && dialect_.has("tract_core_xor")) {
    const Value differs = add("tract_core_xor", {a, b});
    return op == "ne" ? differs : add("not", {differs});
  }
  const bool is_square = op == "mul" && a.value() != nullptr && b.value() != nullptr && *a.value() == *b.value();
  if (is_square && is_integer(wanted)) return integer_square(*this, *a.value());
  return add(op, {a, b});
}

Value Builder::select(Value condition, Argument a, Argument b) {
  const Value* one = a.value() != nullptr ? a.value() : b.value();
  DType wanted = DType::kF32;
  if (one != nullptr) {
    wanted = dtype(*one);
  } else if (a.dim() != nullptr && b.dim() != nullptr) {
    wanted = DType::kI64;
  } else if (std::holds_alternative<bool>(a.is) && std::holds_alternative<bool>(b.is)) {
    wanted = DType::kBool;
  }
  Argument chosen = condition;
  a = beside(a, wanted, "select");
  b = beside(b, wanted, "select");
  // Literals stand beside f16 in binary operators; here the engine reads them as f32 and finds two types
  // (T-SELECT-LITERAL).
  for (Argument* operand : {&a, &b}) {
    const double* number = std::get_if<double>(&operand->is);
    if (number != nullptr && wanted == DType::kF16) *operand = constant(*number, wanted);
  }
  align_all({&chosen, &a, &b});
  return add("select", {chosen, a, b});
}

Value Builder::unary(std::string_view op, Value x) { return add(op, {x}); }

Value Builder::reduce(std::string_view op, Value x, std::vector<int> axes, bool keepdim) {
  axes = sorted_axes(op, std::move(axes), rank(x));
  if (axes.empty()) {
    if (op.find("arg") != std::string_view::npos) throw BuildError(std::string(op) + ": no axis to reduce.");
    return x;
  }
  const Value result = add(op, {x}, {{"axes", numbers(axes)}});
  return keepdim ? result : squeeze(result, axes);
}

}  // namespace nnef
