// ValueMap: values of the Tape to values of the graph.

#include "export/ops/lowering.h"

namespace torch2nnef {
namespace {

// Numbers of rank 0 go into the text where the format has a form for them.
bool goes_into_text(const TapeValueInfo& info) {
  return info.shape.empty() && info.type != ScalarType::kBool;
}

Value number_constant(Builder& builder, const TapeValueInfo& info, DType dtype) {
  if (nnef::is_float(dtype)) return builder.constant(info.constant->to_doubles().at(0), dtype);
  return builder.constant(info.constant->to_integers().at(0), dtype);
}

}  // namespace

Value ValueMap::get(TapeValue value) {
  Value& slot = values_.at(static_cast<std::size_t>(value.id));
  if (slot) return slot;
  const TapeValueInfo& info = tape_.info(value);
  if (info.kind != TapeValueInfo::Kind::kConstant) {
    throw std::logic_error("the Tape uses value " + std::to_string(value.id) + " before it is made");
  }
  std::optional<DType> dtype = to_nnef(info.type);
  if (!dtype) {
    throw Unsupported("the format has no item type for a constant of " + std::string(to_string(info.type)),
                      "convert the model's weights to float32 or float16 before saving it");
  }
  if (goes_into_text(info)) {
    slot = number_constant(builder_, info, *dtype);
  } else {
    std::string label = info.label.empty() ? "constant_" + std::to_string(value.id) : info.label;
    slot = builder_.variable(label, info.constant);
  }
  return slot;
}

void ValueMap::set(TapeValue value, Value graph_value) {
  values_.at(static_cast<std::size_t>(value.id)) = graph_value;
}

}  // namespace torch2nnef
