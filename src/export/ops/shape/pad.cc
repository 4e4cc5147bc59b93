// Padding and cropping. torch lists pairs from the last axis backwards; a negative amount crops (T-PAD-NEGATIVE).

#include <algorithm>
#include <cmath>

#include "export/ops/shape/shape_util.h"
#include "nnef/dim/dim_parts.h"

namespace torch2nnef {
namespace {

enum class Border { kConstant, kReflect, kReplicate, kCircular };

struct Amount {
  Dim before, after;
};

// One pair an axis of x, in its order.
std::vector<Amount> amounts_of(const Call& call, std::string_view name) {
  std::vector<Dim> flat = call.dims(name);
  std::vector<Amount> amounts(static_cast<std::size_t>(call.rank("self")));
  if (flat.size() % 2 != 0 || flat.size() / 2 > amounts.size()) throw Unsupported("an uneven list of padding");
  for (std::size_t i = 0; i < flat.size() / 2; ++i) {
    amounts[amounts.size() - 1 - i] = {flat[2 * i], flat[2 * i + 1]};
  }
  return amounts;
}

bool is_nothing(const std::vector<Amount>& amounts) {
  for (const Amount& amount : amounts) {
    if (amount.before != Dim(0) || amount.after != Dim(0)) return false;
  }
  return true;
}

Sign known_sign(const Call& call, const Dim& amount) {
  if (is_never_negative(amount)) return Sign::kNotNegative;
  if (is_never_negative(0 - amount)) return Sign::kNegative;  // or 0, which is no padding either way
  Sign sign = sign_of(call, amount);
  if (sign == Sign::kBoth) throw Unsupported("a padding of " + amount.to_string() + ", which pads or crops");
  return sign;
}

// Negative amounts applied to x and set to 0.
Value cropped(Call& call, Value x, std::vector<Amount>& amounts) {
  Builder& b = call.builder();
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    Dim begin = 0, end = b.shape(x)[axis];
    if (known_sign(call, amounts[axis].before) == Sign::kNegative) {
      begin = -amounts[axis].before;
      amounts[axis].before = 0;
    }
    if (known_sign(call, amounts[axis].after) == Sign::kNegative) {
      end += amounts[axis].after;
      amounts[axis].after = 0;
    }
    x = b.slice(x, static_cast<int>(axis), begin, end);
  }
  return x;
}

Value pad_by_operator(Call& call, Value x, const std::vector<Amount>& amounts, const char* border, double value) {
  Builder& b = call.builder();
  std::vector<std::pair<Dim, Dim>> pairs;
  for (const Amount& amount : amounts) pairs.emplace_back(amount.before.value(), amount.after.value());
  std::vector<nnef::NamedArgument> attributes{{"padding", pairs}, {"border", border}};
  if (value != 0) attributes.push_back({"value", value});
  return b.add("pad", {x}, std::move(attributes));
}

bool all_constant(const std::vector<Amount>& amounts) {
  for (const Amount& amount : amounts) {
    if (!amount.before.is_constant() || !amount.after.is_constant()) return false;
  }
  return true;
}

// Where each place of a padded axis lies on the axis itself: negative before it, at or beyond its size after it.
Value places_on_axis(Call& call, const Dim& size, const Amount& amount) {
  return affine_range(call, amount.before + size + amount.after, 1, 0 - amount.before);
}

Value nearest_place(Call& call, Value places, const Dim& size) {
  Builder& b = call.builder();
  Value clamped = b.binary("max", places, b.constant(std::int64_t{0}, DType::kI64));
  return b.binary("min", clamped, call.dim_tensor(size - 1));
}

// (size - 1) - |(size - 1) - |place||
Value mirrored_place(Call& call, Value places, const Dim& size) {
  Builder& b = call.builder();
  Value last = call.dim_tensor(size - 1);
  return b.binary("sub", last, b.unary("abs", b.binary("sub", last, b.unary("abs", places))));
}

// A border along one axis by taking items from their places, which may be symbolic.
Value pad_by_places(Call& call, Value x, const std::vector<Amount>& amounts,
                    Value (*place)(Call& call, Value places, const Dim& size)) {
  Builder& b = call.builder();
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    if (amounts[axis].before == Dim(0) && amounts[axis].after == Dim(0)) continue;
    const Dim size = b.shape(x)[axis];
    Value places = place(call, places_on_axis(call, size, amounts[axis]), size);
    x = b.add("tract_core_gather", {x, places}, {{"axis", static_cast<int>(axis)}});
  }
  return x;
}

// The value where a place is not on the axis. Not by blocks: the engine does not see that two symbolic blocks, or one
// whose length is rounded, and the axis have together the length that the result has.
Value pad_by_selection(Call& call, Value x, const std::vector<Amount>& amounts, Value value) {
  Builder& b = call.builder();
  x = pad_by_places(call, x, amounts, nearest_place);
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    if (amounts[axis].before == Dim(0) && amounts[axis].after == Dim(0)) continue;
    const Dim size = b.shape(x)[axis] - amounts[axis].before - amounts[axis].after;
    Value places = places_on_axis(call, size, amounts[axis]);
    Value is_inside = b.binary("eq", places, nearest_place(call, places, size));
    std::vector<int> others;
    for (int other = 0; other < b.rank(x); ++other) {
      if (other != static_cast<int>(axis)) others.push_back(other);
    }
    x = b.select(b.unsqueeze(is_inside, others), x, value);
  }
  return x;
}

// Blocks of the value before and after: for dtypes, values and symbolic amounts that the operator does not take.
Value pad_by_blocks(Call& call, Value x, const std::vector<Amount>& amounts, Value value) {
  Builder& b = call.builder();
  const bool is_lost = std::any_of(amounts.begin(), amounts.end(), [](const Amount& amount) {
    return (!amount.before.is_constant() && !amount.after.is_constant()) || nnef::is_rounded(amount.before) ||
           nnef::is_rounded(amount.after);
  });
  if (is_lost) return pad_by_selection(call, x, amounts, value);
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    Shape shape = b.shape(x);
    std::vector<Value> parts;
    shape[axis] = amounts[axis].before;
    if (shape[axis] != Dim(0)) parts.push_back(filled(call, value, shape));
    parts.push_back(x);
    shape[axis] = amounts[axis].after;
    if (shape[axis] != Dim(0)) parts.push_back(filled(call, value, shape));
    if (parts.size() > 1) x = b.concat(parts, static_cast<int>(axis));
  }
  return x;
}

// Not booleans: T-PAD-BOOL.
bool operator_takes(DType dtype, double value, const std::vector<Amount>& amounts) {
  if (!all_constant(amounts)) return false;
  if (nnef::is_float(dtype)) return static_cast<double>(static_cast<float>(value)) == value;
  return dtype != DType::kBool && value == 0;
}

// `name` is the argument with the value, which may be absent or None for 0.
Value pad_constant(Call& call, Value x, const std::vector<Amount>& amounts, std::string_view name) {
  DType dtype = call.result_dtype();
  if (!call.has(name)) {
    if (operator_takes(dtype, 0, amounts)) return pad_by_operator(call, x, amounts, "constant", 0);
    return pad_by_blocks(call, x, amounts, constant_of(call, 0, dtype));
  }
  bool is_number =
      !call.tape_call().find(name)->value() && (!call.is_integer_number(name) || call.dim(name).is_constant());
  if (is_number && operator_takes(dtype, call.number(name), amounts)) {
    return pad_by_operator(call, x, amounts, "constant", call.number(name));
  }
  return pad_by_blocks(call, x, amounts, scalar_value(call, name, dtype));
}

Value pad_circular(Call& call, Value x, const std::vector<Amount>& amounts) {
  Builder& b = call.builder();
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    Dim size = b.shape(x)[axis];
    std::vector<Value> parts;
    int place = static_cast<int>(axis);
    const auto& [before, after] = amounts[axis];
    if (before != Dim(0)) parts.push_back(b.slice(x, place, size - before, size));
    parts.push_back(x);
    if (after != Dim(0)) parts.push_back(b.slice(x, place, 0, after));
    if (parts.size() > 1) x = b.concat(parts, place);
  }
  return x;
}

Value pad_mirrored(Call& call, Value x, const std::vector<Amount>& amounts, const char* border) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  if (!all_constant(amounts)) {
    const bool is_reflected = border == std::string_view("reflect");
    return pad_by_places(call, x, amounts, is_reflected ? mirrored_place : nearest_place);
  }
  if (dtype != DType::kBool) return pad_by_operator(call, x, amounts, border, 0);
  return b.cast(pad_by_operator(call, b.cast(x, DType::kU8), amounts, border, 0), DType::kBool);
}

void pad(Call& call, Border border, std::string_view amounts_name, std::string_view value_name) {
  std::vector<Amount> amounts = amounts_of(call, amounts_name);
  Value x = cropped(call, call.tensor("self"), amounts);
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  if (is_nothing(amounts)) return call.result(x);
  if (is_empty(call.builder().shape(x)) && border != Border::kConstant) throw Unsupported("a border of nothing");
  switch (border) {
    case Border::kConstant:
      return call.result(pad_constant(call, x, amounts, value_name));
    case Border::kReflect:
      return call.result(pad_mirrored(call, x, amounts, "reflect"));
    case Border::kReplicate:
      return call.result(pad_mirrored(call, x, amounts, "replicated"));
    case Border::kCircular:
      return call.result(pad_circular(call, x, amounts));
  }
}

void lower_pad(Call& call) {
  static const std::map<std::string, Border, std::less<>> kBorders = {{"constant", Border::kConstant},
                                                                      {"reflect", Border::kReflect},
                                                                      {"replicate", Border::kReplicate},
                                                                      {"circular", Border::kCircular}};
  auto found = kBorders.find(call.text("mode"));
  if (found == kBorders.end()) throw Unsupported("padding of mode '" + call.text("mode") + "'");
  pad(call, found->second, "pad", "value");
}

void lower_pad_by_number(Call& call) {
  static constexpr Border kModes[] = {Border::kReflect, Border::kReplicate, Border::kCircular, Border::kConstant};
  std::int64_t mode = call.integer("mode");
  if (mode < 0 || mode > 3) throw Unsupported("padding of mode " + std::to_string(mode));
  pad(call, kModes[mode], "pad", "value");
}

void lower_pad_constant(Call& call) { pad(call, Border::kConstant, "pad", "value"); }
void lower_pad_circular(Call& call) { pad(call, Border::kCircular, "pad", ""); }
void lower_pad_reflection(Call& call) { pad(call, Border::kReflect, "padding", ""); }
void lower_pad_replication(Call& call) { pad(call, Border::kReplicate, "padding", ""); }

}  // namespace

void register_pad(Registry& registry) {
  registry.add("aten::pad", lower_pad);
  registry.add("aten::_pad_enum", lower_pad_by_number);
  registry.add("aten::constant_pad_nd", lower_pad_constant);
  registry.add("aten::_pad_circular", lower_pad_circular);
  registry.add("aten::reflection_pad1d aten::reflection_pad2d aten::reflection_pad3d", lower_pad_reflection);
  registry.add("aten::replication_pad1d aten::replication_pad2d aten::replication_pad3d", lower_pad_replication);
}

}  // namespace torch2nnef
