// What a lowering sees of a call, and the registry of lowerings.
//
// A lowering is a function on a Call: it reads arguments by schema name, adds operations through the builder and sets
// the results. Sizes and integer arguments are nnef::Dim; asking a symbolic one for its number throws Unsupported with
// the Python line. The driver compares every result's dtype and shape with what the recorder saw.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/tape/tape.h"
#include "nnef/builder/builder.h"
#include "quant/stored_value.h"

namespace torch2nnef TORCH2NNEF_API {

using nnef::Argument;
using nnef::Builder;
using nnef::Dim;
using nnef::DType;
using nnef::Shape;
using nnef::Value;

class Tables;
// The built-in table alone.
const Tables& builtin_tables();

// What a quantised value is in the graph: its codes in f32; besides, where these have 8 bits, its items in i8
// (Call::bytes); or the numbers that the codes mean, where its parameters are known, with an entry in graph.quant.
enum class QuantisedForm { kCodes, kCodesAndBytes, kNumbers };

// Maps the values of a Tape to those of the graph while it is lowered, in the form that each is kept in (StoredValue).
// A constant becomes a variable at its first use.
class ValueMap {
 public:
  // `tables` lower what lowerings call in their turn.
  ValueMap(const Tape& tape, Builder& builder, const Tables& tables = builtin_tables(),
           QuantisedForm form = QuantisedForm::kCodes)
      : tape_(tape), builder_(builder), tables_(tables), values_(tape.values.size()), form_(form) {}
  // Plain items; of a quantised value the numbers that its codes mean. Throws Unsupported for a dtype that the format
  // lacks, complex ones included.
  Value get(TapeValue value);
  ComplexParts parts(TapeValue value);  // of a complex value
  Value packed(TapeValue value);
  Value codes(TapeValue value);  // of a quantised value
  const AffineOperands& operands(TapeValue value);
  QuantisedForm quantised_form() const { return form_; }
  bool keeps_numbers() const { return form_ == QuantisedForm::kNumbers; }
  // Of QuantisedForm::kNumbers; write_entries() adds them to the graph when all values have their names.
  void add_entry(Value numbers, const TapeValueInfo& info);
  void write_entries(nnef::Graph& graph) const;
  bool has(TapeValue value) const { return !values_.at(static_cast<std::size_t>(value.id)).is_empty(); }
  StoredValue& stored(TapeValue value) { return values_.at(static_cast<std::size_t>(value.id)); }
  const Tape& tape() const { return tape_; }
  const Tables& tables() const { return tables_; }

 private:
  // The value's entry. A constant that is not there yet is taken in, of a pair as packed or as parts.
  StoredValue& made(TapeValue value, bool is_packed = false);
  std::string label_of(TapeValue value) const;
  void take_in(const TapeValueInfo& info, const std::string& label, bool is_packed, StoredValue& stored);

  const Tape& tape_;
  Builder& builder_;
  const Tables& tables_;
  std::vector<StoredValue> values_;  // by TapeValue::id
  QuantisedForm form_;
  std::map<Value, nnef::QuantEntry> entries_;
};

// A complex constant taken apart, the conjugation that torch may still have to do included.
struct ConstantParts {
  ConstantPtr re, im, packed;
};
ConstantParts parts_of_constant(const ConstantTensor& constant);

class Call {
 public:
  // What the lowering reads and gives of quantised tensors.
  enum class Quantised {
    kNumbers,  // those that the codes mean
    kCodes,    // their codes: it moves or chooses items
    kBytes,    // their items in i8, where calls before gave these: it chooses items
    kSteps,    // codes, and gives fractions of them, which are rounded then
  };
  Call(const TapeCall& call, ValueMap& values, Builder& builder, Quantised read = Quantised::kNumbers)
      : call_(call), values_(values), b_(builder), quantised_(read), first_(builder.graph().values.size()) {}

  const TapeCall& tape_call() const { return call_; }
  const Tape& tape() const { return values_.tape(); }
  const Tables& tables() const { return values_.tables(); }
  Builder& builder() { return b_; }

  // --- arguments, by schema name. A name that the schema lacks is an internal error (std::logic_error). ---
  bool has(std::string_view name) const;  // the schema has it and it is not None
  bool is_default(std::string_view name) const;
  Value tensor(std::string_view name);  // Unsupported when None
  std::optional<Value> optional_tensor(std::string_view name);
  std::vector<Value> tensors(std::string_view name);                          // Tensor[]; Unsupported when one is None
  std::vector<std::optional<Value>> optional_tensors(std::string_view name);  // Tensor?[]
  bool is_complex(std::string_view name) const;                               // a tensor that is given and is complex
  ComplexParts parts(std::string_view name) { return values_.parts(tape_value(name)); }  // of a complex tensor
  Value packed(std::string_view name) { return values_.packed(tape_value(name)); }
  ComplexParts parts(TapeValue value) { return values_.parts(value); }
  Value codes(std::string_view name) { return codes(tape_value(name)); }  // of a quantised tensor
  Value codes(TapeValue value) { return values_.codes(value); }
  Value bytes(std::string_view name);  // of a tensor quantised to 8 bits: its items in i8, those of u8 less 128
  const AffineOperands& operands(std::string_view name) { return values_.operands(tape_value(name)); }
  ConstantPtr constant(std::string_view name) const;  // null when the tensor is not a constant
  TapeValue tape_value(std::string_view name) const;
  Value value(TapeValue value) { return read(value); }     // an item of a list that was read from the call
  const TapeValueInfo& info(std::string_view name) const;  // recorder's facts of a tensor argument
  ScalarType type(std::string_view name) const { return info(name).type; }
  const Shape& shape(std::string_view name) const { return info(name).shape; }
  int rank(std::string_view name) const { return static_cast<int>(shape(name).size()); }

  Dim dim(std::string_view name) const;                // int, maybe symbolic
  std::int64_t integer(std::string_view name) const;   // int; Unsupported when symbolic
  std::vector<Dim> dims(std::string_view name) const;  // int[] (an int counts as a list of one)
  std::vector<std::int64_t> integers(std::string_view name) const;
  double number(std::string_view name) const;                // float, int or bool Scalar; Unsupported when symbolic
  std::vector<double> numbers(std::string_view name) const;  // float[]
  bool flag(std::string_view name) const;
  std::string text(std::string_view name) const;
  bool is_integer_number(std::string_view name) const;  // a Scalar that is an int (or bool), not a float
  // An axis argument made non-negative for a tensor of that rank (rank 0 counts as 1). Unsupported when out of range.
  int axis(std::string_view name, int rank) const;
  // int[]? dim: sorted distinct non-negative axes; all axes when None, and when empty if `empty_is_all`.
  std::vector<int> axes(std::string_view name, int rank, bool empty_is_all = true) const;

  // --- results ---
  std::size_t result_count() const { return call_.results.size(); }
  bool wanted(std::size_t index = 0) const;
  const TapeValueInfo& result_info(std::size_t index = 0) const;
  ScalarType result_type(std::size_t index = 0) const { return result_info(index).type; }
  DType result_dtype(std::size_t index = 0) const;  // f32 of quantised ones; Unsupported for what the format lacks
  const Shape& result_shape(std::size_t index = 0) const { return result_info(index).shape; }
  void result(Value value) { result(0, value); }
  // Must have result_dtype(index) and result_shape(index). Numbers for a quantised result become its codes.
  void result(std::size_t index, Value value);
  void unchecked_result(std::size_t index, Value value) { values_.stored(call_.results.at(index)).set_plain(value); }
  // Of a quantised result: numbers divided by its scale, before they are rounded; negative ones are 0 with `is_relu`.
  void result_steps(std::size_t index, Value steps, bool is_relu = false);
  // Of a quantised result: its items in i8, those of u8 less 128.
  void result_bytes(std::size_t index, Value bytes);
  // Of a quantised result: numbers before they are rounded; negative ones are 0 with `is_relu`.
  void result_numbers(std::size_t index, Value numbers, bool is_relu = false);
  // Whether quantised results are kept as numbers where their parameters are known.
  bool keeps_numbers() const { return values_.keeps_numbers(); }
  // A constant quantised tensor as numbers, with an entry in graph.quant.
  Value quantised_variable(TapeValue constant);
  // Of a quantised result whose scale and zero point are computed in the graph.
  void result_codes(std::size_t index, Value codes, AffineOperands operands);
  // A complex result: real tensors of part_dtype(index) and result_shape(index), or that shape and a last axis of 2.
  DType part_dtype(std::size_t index = 0) const;
  void result_parts(std::size_t index, ComplexParts parts);
  void result_parts(ComplexParts parts) { result_parts(0, parts); }
  void result_packed(Value value);

  // --- what many lowerings do ---
  // A tensor argument cast to `dtype`.
  Value tensor_as(std::string_view name, DType dtype) { return b_.cast(tensor(name), dtype); }
  // A Scalar argument as a constant next to tensors of `dtype`: a literal where that is right. A symbolic one becomes a
  // cast of its expression. A Tape scalar (rank-0 tensor) is cast.
  Argument scalar_as(std::string_view name, DType dtype);
  // A constant tensor made at export time, under a label made of the module path and `hint`.
  std::string label(std::string_view hint) const;
  // Its own of a constant that the model names, else as above.
  std::string label(const TapeValueInfo& constant, std::string_view hint) const;
  Value variable(std::string_view hint, nnef::TensorDataPtr data) { return b_.variable(label(hint), std::move(data)); }
  // An int64 tensor (rank 0) of a dimension expression.
  Value dim_tensor(const Dim& dim, DType dtype = DType::kI64);

 private:
  const TapeArgument& argument(std::string_view name) const;
  Value read(TapeValue value);
  // The codes' operands of a quantised result: those that a quantised argument has, where these are chosen at run time
  // and agree at the sample, else the result's own.
  AffineOperands operands_of_result(std::size_t index, bool& chosen_at_run_time);
  bool keeps_numbers_of(std::size_t index) const;
  void set_rounded(std::size_t index, Value steps, const AffineOperands& operands, bool is_relu);

  const TapeCall& call_;
  ValueMap& values_;
  Builder& b_;
  Quantised quantised_;
  std::size_t first_;  // of the values that this call adds to the graph
};

using LoweringFunction = std::function<void(Call&)>;

// The calls that a lowering takes: those of real tensors only, those with a complex argument or result, or both. The
// driver never shows a complex tensor to a lowering that does not know of them.
enum class Domain { kReal, kComplex, kBoth };
bool is_complex_call(const TapeCall& call, const Tape& tape);
bool covers(Domain domain, bool is_complex);

// How one operator is lowered, for --list-ops, --explain and the support page.
struct Lowering {
  // "aten::softplus" for every overload, or "aten::add.Tensor"; of a whole module "module::Attention" by its class or
  // the end of it, "path::encoder.0" by its place.
  std::string name;
  enum class Kind { kCode, kRow } kind = Kind::kCode;
  LoweringFunction lower;
  std::string source;  // the row's text, or the name of the file for code
  std::string notes;   // limits, one sentence, or ""
  Domain domain = Domain::kReal;
  std::string origin;  // "fragment file mine.nnef", "plugin mine.so"; "" for the built-in table
};

class Registry {
 public:
  // Registration of one operator for all its overloads ("aten::relu") or one ("aten::add.Tensor"). Several under one
  // name: the first that applies wins (a row that does not apply throws DoesNotApply). Code added later stands behind.
  void add(Lowering lowering);
  // Short form for code: names separated by blanks.
  void add(std::string_view names, LoweringFunction lower, std::string_view notes = "", Domain domain = Domain::kReal);
  // Candidates for a call, overload first.
  std::vector<const Lowering*> find(const TapeCall& call) const;
  std::vector<const Lowering*> all() const;  // sorted by name
  // For what follows.
  void set_source(std::string file) { source_ = std::move(file); }
  void set_origin(std::string origin) { origin_ = std::move(origin); }
  const std::string& origin() const { return origin_; }

 private:
  std::map<std::string, std::vector<Lowering>, std::less<>> by_name_;
  std::string source_, origin_;
};

constexpr std::string_view kModuleClass = "module::", kModulePath = "path::";

// The tables of one export: the user's in the order in which they were given, then the built-in one.
class Tables {
 public:
  explicit Tables(const Registry& builtin) : builtin_(builtin) {}
  void add(std::shared_ptr<const Registry> table) { users_.push_back(std::move(table)); }
  // Candidates for a call: those of the first of the user's tables that has any, then the built-in ones.
  std::vector<const Lowering*> find(const TapeCall& call) const;
  // The name under which a lowering claims a module, "" when none does. By path first, then by class: the whole name
  // ("models.vit.Attention") or the end of it ("Attention").
  std::string claim(const std::string& path, const std::string& class_name) const;
  std::vector<const Lowering*> claims() const;  // all lowerings of whole modules
  std::vector<const Lowering*> all() const;     // the user's first, else sorted by name

 private:
  const Registry& builtin_;
  std::vector<std::shared_ptr<const Registry>> users_;
};

// Thrown by a lowering whose conditions the call does not meet, so that the next candidate is tried.
class DoesNotApply : public Unsupported {
 public:
  using Unsupported::Unsupported;
};

// The built-in table: every family of families.def, then the rows.
const Registry& builtin_registry();

}  // namespace torch2nnef
