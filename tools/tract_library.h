// tract's shared library (the one in its PyPI package) through its C interface, loaded at run time.
//
// Both generations of the interface are known: 0.23 (tensors, `tract_nnef_load`) and up to 0.22 (values,
// `tract_nnef_model_for_path`). A panic inside the engine aborts the process: use these classes in a child process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nnef/graph.h"

namespace tract_run {

// The engine said no. `what()` is its message, with the chain of causes.
class EngineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The library cannot be loaded, or lacks a function.
class LibraryError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// $TRACT_LIBRARY, else libtract.so beside this program, else where tools/get-tract puts it. Throws LibraryError, which
// names the places, when there is none.
std::filesystem::path find_library();

struct Functions;

class Library {
 public:
  explicit Library(const std::filesystem::path& path);
  std::string version() const;  // "0.23.9"
  const Functions& functions() const { return *functions_; }
  // Throws EngineError with the engine's last message unless the status is 0.
  void check(int status) const;

 private:
  std::shared_ptr<const Functions> functions_;
};

// A tensor in the engine's memory; copies share it. What one run gives, the next one may take.
class EngineTensor {
 public:
  EngineTensor(const Library& library, const nnef::TensorData& values);  // copies them
  // Takes over what the engine gave.
  EngineTensor(const Library& library, void* handle);

  struct Contents {
    nnef::DType dtype = nnef::DType::kF32;
    std::vector<std::int64_t> shape;
    const std::byte* bytes = nullptr;  // valid as long as the tensor
  };
  // Throws EngineError for a type that has no counterpart (TDim, quantised).
  Contents contents() const;
  nnef::TensorDataPtr copy() const;
  void* handle() const { return handle_.get(); }

 private:
  Library library_;
  std::shared_ptr<void> handle_;
};

struct InputFact {
  std::string name;
  std::string dtype;  // tract's name: "f32", "i64", ...
  std::string text;   // "S,3,f32"
};

// A model, loaded with every registry that the library has, or from an .onnx file; made runnable by prepare().
class Model {
 public:
  Model(Library library, const std::filesystem::path& archive);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  std::vector<InputFact> inputs() const;
  void set_symbols(const std::vector<std::pair<std::string, std::int64_t>>& values);
  // The model becomes one that takes a pulse of `symbol` at a time, and keeps what it needs of earlier ones. Afterwards
  // each run is the next pulse of the same stream. Throws EngineError: something in the model cannot be cut into
  // pulses.
  void to_pulses(const std::string& symbol, std::int64_t pulse);
  // Of a model of pulses, before prepare(): by how many frames each output comes late, and the time axis of each input
  // and output; -1 for none.
  struct Pulses {
    std::vector<std::int64_t> delays, input_axes, output_axes;
  };
  Pulses pulses() const;
  // Optimises and plans. To be called once, before run().
  void prepare();
  // The results in the order of the graph's result list. Throws EngineError.
  std::vector<EngineTensor> run(const std::vector<EngineTensor>& inputs);
  std::vector<nnef::TensorDataPtr> run(const std::vector<nnef::TensorDataPtr>& inputs);

 private:
  void load(const std::filesystem::path& archive);
  void load_onnx(const std::filesystem::path& file);
  void release();
  std::vector<std::int64_t> property(const char* name) const;

  Library library_;
  const bool is_onnx_;
  void* context_ = nullptr;
  void* model_ = nullptr;
  void* runnable_ = nullptr;
  bool is_stream_ = false;
  void* state_ = nullptr;  // of a stream
  std::size_t outputs_ = 0;
};

}  // namespace tract_run
