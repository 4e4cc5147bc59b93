// ValueMap: values of the Tape to values of the graph.

#include "export/ops/number_types/quantised.h"

namespace torch2nnef {
namespace {

// Numbers of rank 0 go into the text where the format has a form for them.
bool goes_into_text(const TapeValueInfo& info) { return info.shape.empty() && info.type != ScalarType::kBool; }

Value number_constant(Builder& builder, const ConstantTensor& constant, DType dtype) {
  if (nnef::is_float(dtype)) return builder.constant(constant.to_doubles().at(0), dtype);
  return builder.constant(constant.to_integers().at(0), dtype);
}

std::string label_of(TapeValue value, const TapeValueInfo& info) {
  return info.label.empty() ? "constant_" + std::to_string(value.id) : info.label;
}

Value part_of_packed(Builder& builder, Value packed, int part) {
  int last = builder.rank(packed) - 1;
  return builder.squeeze(builder.slice(packed, last, part, part + 1), {last});
}

[[noreturn]] void used_before_it_is_made(TapeValue value) {
  throw std::logic_error("the Tape uses value " + std::to_string(value.id) + " before it is made");
}

}  // namespace

Value ValueMap::get(TapeValue value) {
  Value& slot = values_.at(static_cast<std::size_t>(value.id));
  const TapeValueInfo& info = tape_.info(value);
  if (is_complex(info.type)) throw Unsupported("a complex tensor where a real one is needed");
  if (is_quantised(info.type)) return is_moving_ ? codes(value) : meaning(value);
  if (slot) return slot;
  if (info.kind != TapeValueInfo::Kind::kConstant) used_before_it_is_made(value);
  std::optional<DType> dtype = to_nnef(info.type);
  if (!dtype) {
    throw Unsupported("the format has no item type for a constant of " + std::string(to_string(info.type)),
                      "convert the model's weights to float32 or float16 before saving it");
  }
  if (goes_into_text(info)) {
    slot = number_constant(builder_, *info.constant, *dtype);
  } else {
    slot = builder_.variable(label_of(value, info), info.constant);
  }
  return slot;
}

Value ValueMap::codes(TapeValue value) {
  Value& slot = values_.at(static_cast<std::size_t>(value.id));
  if (slot) return slot;
  const TapeValueInfo& info = tape_.info(value);
  if (info.kind != TapeValueInfo::Kind::kConstant) used_before_it_is_made(value);
  slot = constant_codes(builder_, label_of(value, info), *info.constant);
  return slot;
}

void ValueMap::set_codes(TapeValue value, Value codes, std::optional<Value> scale) {
  values_.at(static_cast<std::size_t>(value.id)) = codes;
  if (scale) scales_[value] = *scale;
}

Value ValueMap::meaning(TapeValue value) {
  if (auto found = meanings_.find(value); found != meanings_.end()) return found->second;
  const TapeValueInfo& info = tape_.info(value);
  auto scale = scales_.find(value);
  if (scale == scales_.end() && info.q_scale == 0) throw Unsupported("a constant that is quantised by channel");
  Argument factor = scale == scales_.end() ? builder_.literal(info.q_scale, DType::kF32) : Argument(scale->second);
  return meanings_[value] = builder_.binary("mul", codes(value), factor);
}

ComplexParts ValueMap::parts(TapeValue value) {
  auto found = parts_.find(value);
  if (found != parts_.end()) return found->second;
  const TapeValueInfo& info = tape_.info(value);
  ComplexParts parts;
  if (Value packed = values_.at(static_cast<std::size_t>(value.id))) {
    parts = {part_of_packed(builder_, packed, 0), part_of_packed(builder_, packed, 1)};
  } else if (info.kind == TapeValueInfo::Kind::kConstant) {
    ConstantParts constant = parts_of_constant(*info.constant);
    DType dtype = to_nnef(part_type(info.type)).value();
    if (info.shape.empty()) {
      parts = {number_constant(builder_, *constant.re, dtype), number_constant(builder_, *constant.im, dtype)};
    } else {
      parts = {builder_.variable(label_of(value, info) + ".real", constant.re),
               builder_.variable(label_of(value, info) + ".imag", constant.im)};
    }
  } else {
    used_before_it_is_made(value);
  }
  return parts_.emplace(value, parts).first->second;
}

Value ValueMap::packed(TapeValue value) {
  Value& slot = values_.at(static_cast<std::size_t>(value.id));
  if (slot) return slot;
  const TapeValueInfo& info = tape_.info(value);
  if (info.kind == TapeValueInfo::Kind::kConstant) {
    slot = builder_.variable(label_of(value, info), parts_of_constant(*info.constant).packed);
  } else {
    auto [re, im] = parts(value);
    int last = builder_.rank(re);
    slot = builder_.concat({builder_.unsqueeze(re, {last}), builder_.unsqueeze(im, {last})}, last);
  }
  return slot;
}

void ValueMap::set_parts(TapeValue value, ComplexParts parts) { parts_[value] = parts; }

void ValueMap::set_packed(TapeValue value, Value graph_value) {
  values_.at(static_cast<std::size_t>(value.id)) = graph_value;
}

bool ValueMap::has(TapeValue value) const {
  return static_cast<bool>(values_.at(static_cast<std::size_t>(value.id))) || parts_.count(value) > 0;
}

ConstantParts parts_of_constant(const ConstantTensor& constant) {
  ConstantParts parts;
  parts.packed = constant.evaluated("aten::resolve_conj", {})->evaluated("aten::view_as_real", {});
  parts.re = parts.packed->evaluated("aten::select", {{-1}, {0}});
  parts.im = parts.packed->evaluated("aten::select", {{-1}, {1}});
  return parts;
}

void ValueMap::set(TapeValue value, Value graph_value) { values_.at(static_cast<std::size_t>(value.id)) = graph_value; }

}  // namespace torch2nnef
