// The Tape: a straight line of functional ATen calls, the waist of the program.
//
// The recorder makes it by executing a model; the op table lowers it call by call. It holds no control flow (except
// regions), no lists of tensors, no in-place writes, no written-through views and no module calls. Nothing here knows
// TorchScript, and no torch header is needed to read it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nnef/dim/dim.h"
#include "nnef/graph.h"
#include "quant/affine.h"
#include "quant/representation.h"

namespace torch2nnef TORCH2NNEF_API {

// aten's scalar types; the names are those of torch (without "torch.").
enum class ScalarType : std::uint8_t {
  kBool,
  kUInt8,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kFloat32,
  kFloat64,
  kBFloat16,
  kComplex32,
  kComplex64,
  kComplex128,
  kQInt8,
  kQUInt8,
  kQInt32,
  kOther,
};
std::string_view to_string(ScalarType type);  // "float32", "int64", "bool", ...
// How its items are kept in a graph.
const Representation& representation_of(ScalarType type);
// What makes items of i8 of the codes of a quantised type of 8 bits (quant/affine.h).
double shift_to_bytes(ScalarType type, std::int64_t zero_point);
// The item type where each item is kept as one item (plain, rounded), else nullopt.
std::optional<nnef::DType> to_nnef(ScalarType type);
ScalarType from_nnef(nnef::DType dtype);
bool is_floating(ScalarType type);  // float16, bfloat16, float32, float64
bool is_integral(ScalarType type);  // integers, not bool
bool is_complex(ScalarType type);
bool is_quantised(ScalarType type);  // qint8, quint8, qint32
// The dtype of a complex number's parts: float32 of complex64. Any other type is its own.
ScalarType part_type(ScalarType type);

// A place in the user's Python source, outermost call last. Empty when the archive has no source records.
struct SourceLine {
  std::string file;
  int line = 0;
  std::string function;
  std::string text;  // the line itself, trimmed
};
struct Location {
  std::vector<SourceLine> stack;  // innermost first
  std::string module_path;        // "layer1.0.conv1", "" for the root
  std::string module_class;       // normalised: no __torch__., no ___torch_mangle_N
  // "model.py:12 in forward: x = x.view(-1, 10)"; falls back to the module path.
  std::string to_string() const;
};

// A tensor that does not depend on the inputs: weights, buffers, folded results. Shares torch's storage.
class ConstantTensor : public nnef::TensorData {
 public:
  virtual ScalarType scalar_type() const = 0;
  // Items as numbers, row-major. Meant for small tensors (axes, sizes, scales).
  virtual std::vector<double> to_doubles() const = 0;
  virtual std::vector<std::int64_t> to_integers() const = 0;
  // Transformed copies, made lazily where torch can (a view streams through one bounded buffer).
  virtual std::shared_ptr<const ConstantTensor> permuted(const std::vector<std::int64_t>& axes) const = 0;
  virtual std::shared_ptr<const ConstantTensor> reshaped(const std::vector<std::int64_t>& shape) const = 0;
  virtual std::shared_ptr<const ConstantTensor> converted(nnef::DType dtype) const = 0;
  // The result of an aten operator on constants, e.g. evaluated("aten::flip", {weight}, {{0, 2}}): `integers` are the
  // remaining arguments in schema order as int lists; throws std::runtime_error when torch does.
  virtual std::shared_ptr<const ConstantTensor> evaluated(
      std::string_view op, const std::vector<std::vector<std::int64_t>>& integers) const = 0;
};
using ConstantPtr = std::shared_ptr<const ConstantTensor>;

// Index into Tape::values.
struct TapeValue {
  std::int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  friend bool operator==(TapeValue a, TapeValue b) { return a.id == b.id; }
  friend bool operator<(TapeValue a, TapeValue b) { return a.id < b.id; }
};

struct TapeValueInfo {
  enum class Kind { kInput, kConstant, kResult };
  Kind kind = Kind::kResult;
  ScalarType type = ScalarType::kFloat32;
  nnef::Shape shape;        // symbols of the dynamic axes
  std::string label;        // input name, or attribute path of a constant ("" for none)
  ConstantPtr constant;     // kConstant
  bool wanted = true;       // false: no later call and no output uses this result
  bool is_number = false;   // a Python number as a rank-0 tensor (does not promote)
  AffineParameters affine;  // of a quantised type: those of the sample, where the model chooses them at run time
};

struct TapeArgument;
using TapeList = std::vector<TapeArgument>;
// An argument of a call: None, a tensor, an integer (maybe symbolic), a float, a bool, a string, or a list of them.
// ScalarType arrives as the string of to_string(ScalarType), memory formats, layouts and devices as strings as well.
struct TapeArgument {
  std::variant<std::monostate, TapeValue, nnef::Dim, double, bool, std::string, TapeList> is;
  bool is_none() const { return std::holds_alternative<std::monostate>(is); }
  const TapeValue* value() const { return std::get_if<TapeValue>(&is); }
  const TapeList* list() const { return std::get_if<TapeList>(&is); }
};

struct Tape;

struct TapeCall {
  std::string op;        // "aten::add", or "t2n::..." for the recorder's own (see below)
  std::string overload;  // "Tensor", "" for none
  std::vector<std::pair<std::string, TapeArgument>> arguments;  // by schema name, all of them, in schema order
  std::vector<std::pair<std::string, bool>> is_default;         // whether each equals the schema's default
  std::vector<TapeValue> results;                               // a Tensor[] result is flattened
  Location where;
  std::size_t attributes = 0;  // how many of the last arguments are attributes of a module that a lowering claims
  bool refused = false;        // an error about it was reported while recording
  std::vector<std::shared_ptr<Tape>> regions;  // bodies of "t2n::if" and "t2n::loop"

  const TapeArgument* find(std::string_view name) const;
  bool equals_default(std::string_view name) const;
  bool is_attribute(std::string_view name) const;
  std::vector<TapeValue> tensors_read() const;  // among the arguments, those of lists included, in order
  std::string full_name() const;                // "aten::add.Tensor"
};
// The recorder's own calls:
//   t2n::dims(Dim[] dims, int rank) -> Tensor   an int64 tensor of dimension expressions: rank 0 (one) or rank 1
//   module::CLASS, path::PATH   a whole module that a lowering claims: forward's arguments, then the module's
//   attributes
//     by path ("proj.weight"), as if they were arguments with a default
//   t2n::scan(Dim trips, [Tensor, Dim axis, Dim first, Dim step][] scanned, Tensor[] state, Tensor[] full) -> Tensor[]
//     a loop over a dynamic axis; its body is the region. The results are the last states, then what the rounds gave,
//     along a new first axis (record/region.h).

struct Symbol {
  std::string name;
  std::optional<std::int64_t> minimum, maximum;  // --symbol S=16..4096
};

// An attribute that the model changes, as an input and an output of the archive (state_io).
struct StateReport {
  std::string attribute, input, output;
  std::string initial;  // its value before the first call: "zeros", "all 0.5", or the items, row-major
};

// An integer input without values of the user's: those between which its sample was drawn, and why.
struct DrawnInput {
  enum class Use { kUnknown, kIndex, kLength, kMask };
  std::size_t place = 0;  // in Tape::inputs
  std::string input;      // its name
  Use use = Use::kUnknown;
  std::int64_t lowest = 0;
  nnef::Dim count = 2;  // of the numbers from there on; of symbols where it is the size of an axis
  std::string why;      // what is seen of the use, a clause
};
std::string_view to_string(DrawnInput::Use use);  // "index", "length", ...
nnef::Dim highest_of(const DrawnInput& drawn);

struct Tape {
  std::vector<TapeValueInfo> values;
  std::vector<TapeValue> inputs;
  std::vector<std::pair<std::string, TapeValue>> outputs;
  std::vector<TapeCall> calls;
  std::vector<Symbol> symbols;
  std::vector<nnef::Bindings> worlds;    // sizes of the symbols in each recording; [0] is the sample
  std::vector<std::string> constraints;  // guards met on the way: "S >= 3"

  const TapeValueInfo& info(TapeValue value) const { return values.at(static_cast<std::size_t>(value.id)); }
};

}  // namespace torch2nnef
