// Exact arithmetic on numbers that follow from sizes, scalars and small tensors alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/operators/operators.h"
#include "export/record/slot.h"

namespace torch2nnef {

// The operation of an operator on numbers or, element by element, on tensors, where it is a formula of one or two
// numbers.
std::optional<NumberOp> number_op(std::string_view op);
// Of a sum or product of all items: what puts two of them together.
std::optional<NumberOp> number_op_of_all(NumberOp op);
bool takes_one_number(NumberOp op);

// The exact result, or nullopt when it is none that an expression of sizes can say. `b` is ignored by unary operations.
std::optional<Ratio> apply(NumberOp op, const Ratio& a, const Ratio& b);

// A number without a note as a ratio: integers, and floats that are short binary fractions.
std::optional<Ratio> ratio_of(const c10::IValue& number);
std::optional<Ratio> ratio_of(double number);

// "S/2", for messages and constraints.
std::string to_string(const Ratio& ratio);

// Whether an expression has the value that was seen, in every world.
bool holds(const Ratio& ratio, const std::vector<double>& seen, const std::vector<nnef::Bindings>& worlds);

// "==" of kEqual and so on; null for an operation that is not a comparison.
const char* comparison_sign(NumberOp op);

// The condition `a sign b`, sign one of == != < <= > >=.
Note comparison_note(const Ratio& a, const std::string& sign, const Ratio& b);
Note negated(const Note& condition);
// Both (kAnd) or either (kOr); a bool without a note is what it is.
Note combined(NumberOp op, const Slot& a, const Slot& b);
// Whether two lists or tuples hold the same numbers (kEqual) or not (kNotEqual); `notes` of their items.
Note list_comparison(NumberOp op, const Slot& a, const Slot& b, const ContainerNotes& notes);
// The sum, the largest or the smallest of a list's numbers; unexplained for any other operator.
Note list_number(const std::string& op, const std::vector<c10::IValue>& items, std::vector<Note> notes);

}  // namespace torch2nnef
