// ValueMap: values of the Tape to values of the graph.

#include "export/lower/lowering.h"
#include "quant/graph_quant.h"

namespace torch2nnef {
namespace {

using Form = Representation::Form;

// Numbers of rank 0 go into the text where the format has a form for them.
bool goes_into_text(const TapeValueInfo& info) { return info.shape.empty() && info.type != ScalarType::kBool; }

Value number_constant(Builder& builder, const ConstantTensor& constant, DType dtype) {
  if (nnef::is_float(dtype)) return builder.constant(constant.to_doubles().at(0), dtype);
  return builder.constant(constant.to_integers().at(0), dtype);
}

Value plain_constant(Builder& builder, const std::string& label, const TapeValueInfo& info) {
  std::optional<DType> dtype = to_nnef(info.type);
  if (!dtype) {
    throw Unsupported("the format has no item type for a constant of " + std::string(to_string(info.type)),
                      "convert the model's weights to float32 or float16 before saving it");
  }
  if (goes_into_text(info)) return number_constant(builder, *info.constant, *dtype);
  return builder.variable(label, info.constant);
}

ComplexParts constant_parts(Builder& builder, const std::string& label, const TapeValueInfo& info) {
  const ConstantParts constant = parts_of_constant(*info.constant);
  const DType dtype = representation_of(info.type).item;
  if (info.shape.empty()) {
    const Value re = number_constant(builder, *constant.re, dtype);
    return {re, number_constant(builder, *constant.im, dtype)};
  }
  const Value re = builder.variable(label + ".real", constant.re);
  return {re, builder.variable(label + ".imag", constant.im)};
}

// The items are kept in their own size in the archive.
void take_in_codes(Builder& builder, const std::string& label, const TapeValueInfo& info, StoredValue& stored) {
  if (!info.affine.is_known()) throw Unsupported("a constant quantised with parameters that are not affine");
  const Value items =
      builder.cast(builder.variable(label, info.constant->evaluated("aten::int_repr", {})), DType::kF32);
  stored.set_codes(
      codes_of_items(builder, items, zero_point_operand(builder, label, info.affine, builder.rank(items))));
}

}  // namespace

void ValueMap::take_in(const TapeValueInfo& info, const std::string& label, bool is_packed, StoredValue& stored) {
  switch (representation_of(info.type).form) {
    case Form::kCodes:
      return take_in_codes(builder_, label, info, stored);
    case Form::kPair:
      if (!is_packed) return stored.set_parts(constant_parts(builder_, label, info));
      return stored.set_packed(builder_.variable(label, parts_of_constant(*info.constant).packed));
    default:
      return stored.set_plain(plain_constant(builder_, label, info));
  }
}

std::string ValueMap::label_of(TapeValue value) const {
  const std::string& label = tape_.info(value).label;
  return label.empty() ? "constant_" + std::to_string(value.id) : label;
}

StoredValue& ValueMap::made(TapeValue value, bool is_packed) {
  StoredValue& entry = stored(value);
  if (!entry.is_empty()) return entry;
  const TapeValueInfo& info = tape_.info(value);
  if (info.kind != TapeValueInfo::Kind::kConstant) {
    throw std::logic_error("the Tape uses value " + std::to_string(value.id) + " before it is made");
  }
  take_in(info, label_of(value), is_packed, entry);
  return entry;
}

Value ValueMap::get(TapeValue value) {
  const ScalarType type = tape_.info(value).type;
  if (is_complex(type)) throw Unsupported("a complex tensor where a real one is needed");
  if (!is_quantised(type)) return made(value).whole();
  operands(value);
  return stored(value).numbers(builder_);
}

Value ValueMap::codes(TapeValue value) {
  StoredValue& entry = made(value);
  if (!entry.has_numbers_alone()) return entry.whole();
  const ItemRange range = representation_of(tape_.info(value).type).range;
  return codes_of_numbers(builder_, entry.whole(), operands(value), range);
}

void ValueMap::add_entry(Value numbers, const TapeValueInfo& info) {
  entries_.insert_or_assign(numbers, quant_entry(info.affine, representation_of(info.type).range));
}

void ValueMap::write_entries(nnef::Graph& graph) const {
  for (const auto& [value, entry] : entries_) graph.quant.insert_or_assign(graph.info(value).name, entry);
}

const AffineOperands& ValueMap::operands(TapeValue value) {
  StoredValue& entry = made(value);
  if (!entry.has_operands()) {
    const TapeValueInfo& info = tape_.info(value);
    entry.set_operands(operands_of(builder_, label_of(value), info.affine, static_cast<int>(info.shape.size())));
  }
  return entry.operands();
}

ComplexParts ValueMap::parts(TapeValue value) { return made(value).parts(builder_); }

Value ValueMap::packed(TapeValue value) { return made(value, true).packed(builder_); }

ConstantParts parts_of_constant(const ConstantTensor& constant) {
  ConstantParts parts;
  parts.packed = constant.evaluated("aten::resolve_conj", {})->evaluated("aten::view_as_real", {});
  parts.re = parts.packed->evaluated("aten::select", {{-1}, {0}});
  parts.im = parts.packed->evaluated("aten::select", {{-1}, {1}});
  return parts;
}

}  // namespace torch2nnef
