// One value of a model as it is kept in a graph: in the form that its representation has, and in the others once they
// are asked for. This is the one place that converts between forms.
#pragma once

#include <optional>

#include "quant/affine.h"
#include "quant/complex_pair.h"

namespace torch2nnef TORCH2NNEF_API {

class StoredValue {
 public:
  bool is_empty() const { return !whole_ && !parts_; }

  void set_plain(nnef::Value value) { whole_ = value; }
  void set_packed(nnef::Value packed) { whole_ = packed; }
  void set_parts(ComplexParts parts) { parts_ = parts; }
  void set_codes(nnef::Value codes) { whole_ = codes; }
  // `chosen_at_run_time`: the operands are computed in the graph, from data.
  void set_operands(AffineOperands operands, bool chosen_at_run_time = false);

  // Plain items or, of a quantised value, its codes.
  nnef::Value whole() const { return whole_; }
  // The numbers that the codes mean; needs the operands.
  nnef::Value numbers(nnef::Builder& b);
  ComplexParts parts(nnef::Builder& b);
  nnef::Value packed(nnef::Builder& b);
  bool has_operands() const { return operands_.has_value(); }
  const AffineOperands& operands() const { return operands_.value(); }
  bool chosen_at_run_time() const { return chosen_at_run_time_; }

 private:
  nnef::Value whole_;  // plain, codes or packed
  std::optional<ComplexParts> parts_;
  std::optional<AffineOperands> operands_;
  bool chosen_at_run_time_ = false;
  nnef::Value numbers_;
};

}  // namespace torch2nnef
