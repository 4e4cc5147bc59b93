#include "quant/stored_value.h"

#include <utility>

namespace torch2nnef {

void StoredValue::set_operands(AffineOperands operands, bool chosen_at_run_time) {
  operands_ = std::move(operands);
  chosen_at_run_time_ = chosen_at_run_time;
}

nnef::Value StoredValue::numbers(nnef::Builder& b) {
  if (!numbers_) numbers_ = numbers_of_codes(b, whole_, operands().scale);
  return numbers_;
}

nnef::Value StoredValue::bytes(nnef::Builder& b, double shift) {
  if (!bytes_) {
    const nnef::Value items = shift == 0 ? whole_ : b.binary("add", whole_, b.literal(shift, nnef::DType::kF32));
    bytes_ = b.cast(items, nnef::DType::kI8);
  }
  return bytes_;
}

ComplexParts StoredValue::parts(nnef::Builder& b) {
  if (!parts_) parts_ = parts_of_packed(b, whole_);
  return *parts_;
}

nnef::Value StoredValue::packed(nnef::Builder& b) {
  if (!whole_) whole_ = packed_of_parts(b, parts_.value());
  return whole_;
}

}  // namespace torch2nnef
