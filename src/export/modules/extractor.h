// The interface of plugins: lowerings of whole modules and of operators, written outside of torch2nnef and loaded with
// `--plugin FILE.so`.
//
//   #include "export/modules/extractor.h"
//
//   void scaled_add(torch2nnef::extractor::Call& call) {
//     auto scaled = call.binary("mul", call.input(0), call.tensor("weight"));
//     call.result(0, call.binary("add", scaled, call.input(1)));
//   }
//
//   TORCH2NNEF_PLUGIN("mine", plugin) { plugin.module("models.ScaledAdd", scaled_add); }
//
// A module that is claimed is executed for its values, and nothing of its inside is exported: the function builds what
// stands in its place. What it builds is compared with what was executed, in dtype and shape at once and in values by
// the check. Built as `g++ -std=c++20 -shared -fPIC -I INCLUDE mine.cc -o mine.so`; nothing has to be linked, since all
// that a plugin calls is handed to it. No torch header is needed; a plugin that registers an operator with
// TORCH_LIBRARY includes torch's and links libtorch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#if __has_include(<torch/version.h>)
#include <torch/version.h>
#endif

namespace torch2nnef::extractor {

// Changes with this header.
constexpr int kAbi = 1;

// A tensor of the graph that is being built.
struct Tensor {
  std::int32_t id = -1;
};

// A size: a number, or an expression of the symbols of dynamic axes.
class Size {
 public:
  Size(std::int64_t number) : text_(std::to_string(number)) {}             // NOLINT: numbers are sizes
  Size(int number) : Size(static_cast<std::int64_t>(number)) {}            // NOLINT
  explicit Size(std::string expression) : text_(std::move(expression)) {}  // "2*S+1"
  const std::string& text() const { return text_; }
  friend Size operator+(const Size& a, const Size& b) { return joined(a, '+', b); }
  friend Size operator-(const Size& a, const Size& b) { return joined(a, '-', b); }
  friend Size operator*(const Size& a, const Size& b) { return joined(a, '*', b); }
  friend Size operator/(const Size& a, const Size& b) { return joined(a, '/', b); }  // rounded down

 private:
  static Size joined(const Size& a, char op, const Size& b) {
    return Size("(" + a.text_ + ")" + op + "(" + b.text_ + ")");
  }
  std::string text_;
};
using Shape = std::vector<Size>;

// An argument of an operation.
struct Argument {
  std::variant<Tensor, std::vector<Tensor>, Size, Shape, double, bool, std::string> is;
  Argument(Tensor tensor) : is(tensor) {}  // NOLINT(google-explicit-constructor): literals read
  Argument(std::vector<Tensor> tensors) : is(std::move(tensors)) {}  // NOLINT  like the text that they become
  Argument(Size size) : is(std::move(size)) {}                       // NOLINT
  Argument(int number) : is(Size(number)) {}                         // NOLINT
  Argument(std::int64_t number) : is(Size(number)) {}                // NOLINT
  Argument(Shape sizes) : is(std::move(sizes)) {}                    // NOLINT
  Argument(double number) : is(number) {}                            // NOLINT
  Argument(bool logical) : is(logical) {}                            // NOLINT
  Argument(const char* text) : is(std::string(text)) {}              // NOLINT
  Argument(std::string text) : is(std::move(text)) {}                // NOLINT
};
using Named = std::vector<std::pair<std::string, Argument>>;

// A call of what is claimed: its arguments, the attributes of the module, and the operations that stand in its place.
// dtypes are named as in the format: "f16", "f32", "f64", "i64", "bool", ...
//
// A module's arguments and attributes have one space of names; attributes by path: "weight", "proj.bias", "num_heads".
// (A trace keeps no numbers of a module, only parameters, buffers and submodules.) An operator has its schema's
// arguments. Whatever asks for a name that is not there, or is of another kind, throws; so does what cannot be built.
class Call {
 public:
  // --- what was called ---
  virtual std::vector<std::string> names() const = 0;
  virtual bool has(std::string_view name) const = 0;  // there, and not None
  virtual std::size_t input_count() const = 0;        // tensors among the arguments, those in lists and tuples too
  virtual Tensor input(std::size_t place) = 0;
  virtual Tensor tensor(std::string_view name) = 0;
  virtual std::int64_t integer(std::string_view name) const = 0;
  virtual std::vector<std::int64_t> integers(std::string_view name) const = 0;
  virtual double number(std::string_view name) const = 0;
  virtual bool flag(std::string_view name) const = 0;
  virtual std::string text(std::string_view name) const = 0;
  virtual std::string where() const = 0;  // the line of Python
  // What the execution gave.
  virtual std::size_t result_count() const = 0;
  virtual Shape result_shape(std::size_t place) const = 0;
  virtual std::string result_dtype(std::size_t place) const = 0;

  // --- what stands in its place ---
  virtual Shape shape(Tensor tensor) const = 0;
  virtual std::string dtype(Tensor tensor) const = 0;
  virtual Tensor constant(double number, std::string_view dtype) = 0;
  virtual Tensor constant(const std::vector<double>& items, const std::vector<std::int64_t>& shape,
                          std::string_view dtype) = 0;
  // An operation of the target: tensors in the order of its declaration, attributes by name.
  virtual Tensor add(std::string_view op, std::vector<Argument> tensors, Named attributes = {}) = 0;
  virtual std::vector<Tensor> add_several(std::string_view op, std::vector<Argument> tensors,
                                          Named attributes = {}) = 0;
  // "add", "mul", "max", ... with numbers and ranks adjusted as torch does.
  virtual Tensor binary(std::string_view op, Argument a, Argument b) = 0;
  virtual Tensor cast(Tensor tensor, std::string_view dtype) = 0;
  virtual Tensor reshape(Tensor tensor, const Shape& shape) = 0;
  virtual Tensor transpose(Tensor tensor, const std::vector<int>& axes) = 0;
  // An operator of torch, "aten::softmax.int", lowered as it is anywhere else. Arguments by the schema's names; those
  // left out have their default. Its one result has that dtype and shape.
  virtual Tensor aten(std::string_view op, Named arguments, std::string_view dtype, const Shape& shape) = 0;

  virtual void result(std::size_t place, Tensor tensor) = 0;
  // This call cannot be exported; the user reads why, and what to do.
  [[noreturn]] virtual void unsupported(const std::string& reason, const std::string& hint = "") = 0;
  // Not with this function: a later table, or for operators the built-in one, may take the call.
  [[noreturn]] virtual void does_not_apply(const std::string& reason) = 0;

 protected:
  ~Call() = default;
};
using Function = void (*)(Call&);

// What a plugin offers. `notes`: limits, one sentence, for --explain.
class Plugin {
 public:
  // A module of that class, by its whole name ("models.vit.Attention") or the end of it ("Attention").
  virtual void module(std::string_view class_name, Function lower, std::string_view notes = "") = 0;
  // The module at that place in the model ("encoder.layers.0"; "" is the model itself).
  virtual void module_at(std::string_view path, Function lower, std::string_view notes = "") = 0;
  // An operator, for all overloads ("mine::swish") or one ("aten::add.Tensor"); before the built-in lowering.
  virtual void op(std::string_view name, Function lower, std::string_view notes = "") = 0;

 protected:
  ~Plugin() = default;
};

// What the file says of itself, through its function torch2nnef_plugin().
struct Description {
  int abi;
  const char* name;
  const char* torch_version;  // "" when it was compiled without torch's headers
  const char* compiler;
  void (*enroll)(Plugin& plugin);
};

// "g++ 12, new strings": whatever must agree for std::string and exceptions to pass between the two.
#define TORCH2NNEF_TEXT2(x) #x
#define TORCH2NNEF_TEXT(x) TORCH2NNEF_TEXT2(x)
#if defined(__clang__)
#define TORCH2NNEF_COMPILER_NAME "clang " TORCH2NNEF_TEXT(__clang_major__)
#elif defined(__GNUC__)
#define TORCH2NNEF_COMPILER_NAME "g++ " TORCH2NNEF_TEXT(__GNUC__)
#else
#define TORCH2NNEF_COMPILER_NAME "an unknown compiler"
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define TORCH2NNEF_COMPILER TORCH2NNEF_COMPILER_NAME ", new strings"
#else
#define TORCH2NNEF_COMPILER TORCH2NNEF_COMPILER_NAME ", old strings"
#endif

#ifdef TORCH_VERSION
#define TORCH2NNEF_PLUGIN_TORCH TORCH_VERSION
#else
#define TORCH2NNEF_PLUGIN_TORCH ""
#endif

}  // namespace torch2nnef::extractor

// NOLINTBEGIN(bugprone-macro-parentheses): a declaration's name takes none
// The one entry of a plugin: TORCH2NNEF_PLUGIN("name", plugin) { plugin.module("Attention", attention); }
#define TORCH2NNEF_PLUGIN(name, parameter)                                                                          \
  static void torch2nnef_enroll(torch2nnef::extractor::Plugin& parameter);                                          \
  extern "C" __attribute__((visibility("default"))) const torch2nnef::extractor::Description* torch2nnef_plugin() { \
    static const torch2nnef::extractor::Description description{                                                    \
        torch2nnef::extractor::kAbi, name, TORCH2NNEF_PLUGIN_TORCH, TORCH2NNEF_COMPILER, &torch2nnef_enroll};       \
    return &description;                                                                                            \
  }                                                                                                                 \
  static void torch2nnef_enroll(torch2nnef::extractor::Plugin& parameter)
// NOLINTEND(bugprone-macro-parentheses)
