// nnef::Graph: what a graph.nnef and its tensor files say, as a flat list of operations.
//
// Flat as in the specification's flat syntax: one operation a statement, arguments are names or literals (integers may
// be dimension expressions over declared symbols). Every value has a name, a dtype and a shape. The structure is plain
// data; nnef::Builder is the way to make one that is right by construction, the text reader makes one from a file.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nnef/dim/dim.h"
#include "nnef/dtype.h"

namespace nnef TORCH2NNEF_API {

// Receives the bytes of a tensor, piece after piece.
using ByteSink = std::function<void(const void* bytes, std::size_t count)>;

// The contents of a tensor file, wherever they live. Not copied: streamed when written.
class TensorData {
 public:
  virtual ~TensorData() = default;
  virtual DType dtype() const = 0;
  virtual const std::vector<std::int64_t>& shape() const = 0;
  // All items, row-major, little-endian, bool as one byte each.
  virtual void stream(const ByteSink& sink) const = 0;

  std::int64_t numel() const;
  std::size_t byte_size() const;
};
using TensorDataPtr = std::shared_ptr<const TensorData>;

// A tensor that owns its bytes.
class OwnedTensor final : public TensorData {
 public:
  // `bytes` holds numel * item_size(dtype) bytes; throws std::invalid_argument otherwise.
  OwnedTensor(DType dtype, std::vector<std::int64_t> shape, std::vector<std::byte> bytes);
  DType dtype() const override { return dtype_; }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  void stream(const ByteSink& sink) const override { sink(bytes_.data(), bytes_.size()); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  DType dtype_;
  std::vector<std::int64_t> shape_;
  std::vector<std::byte> bytes_;
};
// Rank 0 from a number, rank 1 from a vector (values converted to dtype; throws std::range_error when one does not
// fit).
TensorDataPtr scalar_tensor(DType dtype, double value);
TensorDataPtr scalar_tensor(DType dtype, std::int64_t value);
TensorDataPtr vector_tensor(DType dtype, const std::vector<std::int64_t>& values);

// A handle to a value of one graph.
struct Value {
  std::int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  friend bool operator==(Value a, Value b) { return a.id == b.id; }
  friend bool operator!=(Value a, Value b) { return a.id != b.id; }
  friend bool operator<(Value a, Value b) { return a.id < b.id; }
};

struct ValueInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

// An argument of an operation: a value, an integer (maybe symbolic), a float, a logical, a string, an array or a tuple.
struct Argument {
  struct Array {
    std::vector<Argument> items;
    bool is_tuple = false;
  };
  std::variant<Value, Dim, double, bool, std::string, Array> is;

  Argument(Value value) : is(value) {}                      // NOLINT(google-explicit-constructor): literals read
  Argument(Dim dim) : is(std::move(dim)) {}                 // NOLINT  like the text that they become
  Argument(int number) : is(Dim(number)) {}                 // NOLINT
  Argument(std::int64_t number) : is(Dim(number)) {}        // NOLINT
  Argument(double number) : is(number) {}                   // NOLINT
  Argument(bool logical) : is(logical) {}                   // NOLINT
  Argument(const char* text) : is(std::string(text)) {}     // NOLINT
  Argument(std::string text) : is(std::move(text)) {}       // NOLINT
  Argument(Array array) : is(std::move(array)) {}           // NOLINT
  Argument(const std::vector<Value>& values);               // NOLINT
  Argument(const std::vector<std::int64_t>& numbers);       // NOLINT
  Argument(const std::vector<Dim>& dims);                   // NOLINT
  Argument(const std::vector<std::pair<Dim, Dim>>& pairs);  // NOLINT: padding = [(1,1), (0,2)]
  static Argument tuple(std::vector<Argument> items);

  const Value* value() const { return std::get_if<Value>(&is); }
  const Dim* dim() const { return std::get_if<Dim>(&is); }
  const Array* array() const { return std::get_if<Array>(&is); }
};

// Named as in the operator's declaration.
struct NamedArgument {
  std::string name;
  Argument argument;
};

struct Operation {
  std::string op;
  std::vector<NamedArgument> arguments;  // in the order of the declaration
  std::vector<Value> results;
  std::string comment;  // lines, of which an empty one is a blank line; "" for none

  // The argument of that name, or null.
  const Argument* find(std::string_view name) const;
};

// A fragment of the document: the body of a scan. Values are numbered within it.
struct Fragment;

// An entry of graph.quant: "name": function(key = literal, ...);
struct QuantEntry {
  std::string function;  // zero_point_linear_quantize or linear_quantize
  std::vector<NamedArgument> arguments;
};

struct Graph {
  std::string name = "net";
  std::vector<std::string> registries;                          // extension tract_registry NAME;
  std::vector<std::string> symbols;                             // extension tract_symbol NAME;
  std::vector<std::string> asserts;                             // extension tract_assert TEXT;
  std::vector<std::string> extensions;                          // any other extension line, without the keyword
  std::vector<std::pair<std::string, std::string>> properties;  // tract_core_properties
  std::deque<ValueInfo> values;                                 // by Value::id; references stay valid
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::vector<Operation> operations;  // topological: definition before use
  std::vector<Fragment> fragments;
  std::map<std::string, TensorDataPtr> variables;  // by label; written to LABEL.dat
  std::map<std::string, QuantEntry> quant;         // by value name

  const ValueInfo& info(Value value) const { return values.at(static_cast<std::size_t>(value.id)); }
  ValueInfo& info(Value value) { return values.at(static_cast<std::size_t>(value.id)); }
};

struct Fragment {
  Graph body;  // name, inputs, outputs, values and operations only
};

}  // namespace nnef
