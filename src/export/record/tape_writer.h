// Adds values and calls to a Tape.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/record/slot.h"
#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

class TapeWriter {
 public:
  explicit TapeWriter(Tape& tape) : tape_(tape) {}
  Tape& tape() { return tape_; }
  const TapeValueInfo& info(TapeValue value) const { return tape_.info(value); }

  TapeValue input(const std::string& name, ScalarType type, nnef::Shape shape);
  // A value that nothing on the Tape makes: what a round of a loop begins with.
  TapeValue unknown(TapeValueInfo facts);
  // The tensor as it is now. The same storage, offset, sizes, strides and dtype give the same value. `label` is the
  // attribute path, "" for none.
  TapeValue constant(const at::Tensor& tensor, const std::string& label);
  // To be called before constants write into that storage: what the Tape took of it keeps its contents in copies.
  void detach_constants(const at::Tensor& tensor);

  // A call whose arguments are given by name; those left out take the schema's default. One result per info.
  std::vector<TapeValue> call(std::string_view op, std::string_view overload,
                              std::vector<std::pair<std::string, TapeArgument>> arguments,
                              std::vector<TapeValueInfo> results, const Location& where);
  TapeValue call1(std::string_view op, std::string_view overload,
                  std::vector<std::pair<std::string, TapeArgument>> arguments, TapeValueInfo result,
                  const Location& where);
  // A rank-0 or rank-1 tensor of numbers that follow from sizes (t2n::dims, and a division where needed).
  TapeValue dims(const std::vector<Ratio>& numbers, int rank, ScalarType type, const Location& where);

  // False when it is there already.
  bool add_constraint(std::string text);

  // A tensor that is a constant on the Tape.
  struct Captured {
    TapeValue value;
    at::Tensor tensor;
  };
  const std::unordered_map<const void*, std::vector<Captured>>& captured() const { return constants_; }  // by storage

  // Marks what no output needs (TapeValueInfo::wanted).
  void mark_wanted();

 private:
  TapeValue add(TapeValueInfo info);
  Tape& tape_;
  std::unordered_map<const void*, std::vector<Captured>> constants_;
};

// Facts of a tensor as it is now, with the given shape.
TapeValueInfo facts_of(const at::Tensor& tensor, nnef::Shape shape);

// A value without notes as an argument; `formal` is the schema's type of it ("ScalarType?", "int[]", "Tensor"). Tensors
// must not occur.
TapeArgument plain_argument(const c10::IValue& value, const std::string& formal);
// The schema's spelling of an argument's type.
std::string formal_type(const c10::Argument& argument);
// The schema of an operator, or null.
const c10::FunctionSchema* find_schema(std::string_view op, std::string_view overload);

}  // namespace torch2nnef
