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
  // The numbers of a quantised value instead of its codes, which an entry of graph.quant tells how to round.
  void set_numbers(nnef::Value numbers) { whole_ = numbers_ = numbers; }
  // Of codes of 8 bits that are set, too: their items in i8, those of u8 less 128.
  void set_bytes(nnef::Value bytes) { given_bytes_ = bytes_ = bytes; }
  // `chosen_at_run_time`: the operands are computed in the graph, from data.
  void set_operands(AffineOperands operands, bool chosen_at_run_time = false);

  // Plain items or, of a quantised value, its codes or numbers, as they were set.
  nnef::Value whole() const { return whole_; }
  bool has_numbers_alone() const { return numbers_ && numbers_ == whole_; }
  // The numbers that the codes mean; needs the operands.
  nnef::Value numbers(nnef::Builder& b);
  // The items of i8 of which codes are `shift` less.
  nnef::Value bytes(nnef::Builder& b, double shift);
  nnef::Value given_bytes() const { return given_bytes_; }
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
  nnef::Value numbers_, bytes_, given_bytes_;
};

}  // namespace torch2nnef
