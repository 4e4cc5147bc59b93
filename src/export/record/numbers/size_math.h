// Exact arithmetic on numbers that follow from sizes, scalars and small tensors alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/record/slot.h"

namespace torch2nnef {

enum class NumberOp {
  kAdd,
  kSub,
  kMul,
  kTrueDiv,
  kFloorDiv,
  kRemainder,
  kNeg,
  kMin,
  kMax,
  kFloor,
  kCeil,
  kTrunc,
  kSame
};

// The operation of an aten operator on numbers or, element by element, on tensors; nullopt for any other operator.
std::optional<NumberOp> number_op(std::string_view op);

// The exact result, or nullopt when it is none that an expression of sizes can say. `b` is ignored by unary operations.
std::optional<Ratio> apply(NumberOp op, const Ratio& a, const Ratio& b);

// A number without a note as a ratio: integers, and floats that are short binary fractions.
std::optional<Ratio> ratio_of(const c10::IValue& number);
std::optional<Ratio> ratio_of(double number);

// "S/2", for messages and constraints.
std::string to_string(const Ratio& ratio);

// Whether an expression has the value that was seen, in every world.
bool holds(const Ratio& ratio, const std::vector<double>& seen, const std::vector<nnef::Bindings>& worlds);

// "==" of aten::eq and so on; null for what is no comparison.
const char* comparison_sign(const std::string& op);

// The condition `a sign b`, sign one of == != < <= > >=.
Note comparison_note(const Ratio& a, const std::string& sign, const Ratio& b);
Note negated(const Note& condition);
// Both, or either (`op` is aten::__and__ or aten::__or__); a bool without a note is what it is.
Note combined(const std::string& op, const Slot& a, const Slot& b);
// Whether two lists or tuples hold the same numbers (`op` aten::eq) or not (aten::ne); `notes` of their items.
Note list_comparison(const std::string& op, const Slot& a, const Slot& b, const ContainerNotes& notes);
// The sum, the largest or the smallest of a list's numbers; unexplained for any other operator.
Note list_number(const std::string& op, const std::vector<c10::IValue>& items, std::vector<Note> notes);

}  // namespace torch2nnef
