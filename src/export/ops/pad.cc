// Padding and cropping. torch lists pairs from the last axis backwards; a negative amount crops.

#include <cmath>

#include "export/ops/shape_util.h"

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

// Blocks of the value before and after: for dtypes, values and symbolic amounts that the operator does not take.
Value pad_by_blocks(Call& call, Value x, const std::vector<Amount>& amounts, Value value) {
  Builder& b = call.builder();
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

bool operator_takes(DType dtype, double value, const std::vector<Amount>& amounts) {
  for (const Amount& amount : amounts) {
    if (!amount.before.is_constant() || !amount.after.is_constant()) return false;
  }
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
  bool is_number = !call.tape_call().find(name)->value() && (!call.is_integer_number(name) || call.dim(name).is_constant());
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
    case Border::kConstant: return call.result(pad_constant(call, x, amounts, value_name));
    case Border::kReflect: return call.result(pad_mirrored(call, x, amounts, "reflect"));
    case Border::kReplicate: return call.result(pad_mirrored(call, x, amounts, "replicated"));
    case Border::kCircular: return call.result(pad_circular(call, x, amounts));
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

void register_pad(Registry& registry);

void register_pad(Registry& registry) {
  registry.add("aten::pad", lower_pad);
  registry.add("aten::_pad_enum", lower_pad_by_number);
  registry.add("aten::constant_pad_nd", lower_pad_constant);
  registry.add("aten::_pad_circular", lower_pad_circular);
  registry.add("aten::reflection_pad1d aten::reflection_pad2d aten::reflection_pad3d", lower_pad_reflection);
  registry.add("aten::replication_pad1d aten::replication_pad2d aten::replication_pad3d", lower_pad_replication);
}

}  // namespace torch2nnef
