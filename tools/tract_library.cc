#include "tract_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "export/verify/float_cast.h"
#include "export/verify/tract_place.h"

namespace tract_run {

namespace fs = std::filesystem;
using nnef::DType;

// The functions of the interface. Those of one generation only are null in the other.
struct Functions {
  void* handle = nullptr;
  ~Functions() {
    if (handle) dlclose(handle);
  }

  const char* (*version)();
  const char* (*last_error)();
  void (*free_text)(char*);
  int (*create)(void**);
  int (*destroy)(void**);
  std::vector<int (*)(void*)> registries;
  int (*load)(void*, const char*, void**);
  int (*onnx_create)(void**);  // these four from 0.23 on
  int (*onnx_destroy)(void**);
  int (*onnx_load)(void*, const char*, void**);
  int (*typed)(void**, void**);
  int (*model_destroy)(void**);
  int (*transform)(void*, const char*);
  int (*concretize)(void*, std::size_t, const char* const*, const std::int64_t*);  // up to 0.22
  int (*optimize)(void*);                                                          // up to 0.22
  int (*input_count)(void*, std::size_t*);
  int (*output_count)(void*, std::size_t*);
  int (*input_name)(void*, std::size_t, char**);
  int (*input_fact)(void*, std::size_t, void**);
  int (*fact_dump)(void*, char**);
  int (*fact_destroy)(void**);
  int (*into_runnable)(void**, void**);
  int (*runnable_run)(void*, void**, void**);
  int (*runnable_release)(void**);
  int (*property)(void*, const char*, void**);  // this and the next three from 0.23 on
  int (*spawn_state)(void*, void**);
  int (*state_run)(void*, void**, void**);
  int (*state_destroy)(void**);
  int (*tensor_from_bytes)(std::uint32_t, std::size_t, const std::size_t*, const void*, void**);
  int (*tensor_as_bytes)(void*, std::uint32_t*, std::size_t*, const std::size_t**, const void**);
  int (*tensor_destroy)(void**);
};

namespace {

struct TypeCode {
  DType dtype;
  std::uint32_t code;  // the low nibble is the size in bytes
};
constexpr std::array<TypeCode, 12> kTypeCodes = {{
    {DType::kBool, 0x01},
    {DType::kU8, 0x11},
    {DType::kU16, 0x12},
    {DType::kU32, 0x14},
    {DType::kU64, 0x18},
    {DType::kI8, 0x21},
    {DType::kI16, 0x22},
    {DType::kI32, 0x24},
    {DType::kI64, 0x28},
    {DType::kF16, 0x32},
    {DType::kF32, 0x34},
    {DType::kF64, 0x38},
}};

std::uint32_t code_of(DType dtype) {
  return std::find_if(kTypeCodes.begin(), kTypeCodes.end(), [&](const TypeCode& row) { return row.dtype == dtype; })
      ->code;
}

// Sets `function` to the first of the names that the library has; a null for none.
template <class F>
void find(void* handle, F*& function, std::initializer_list<const char*> names) {
  function = nullptr;
  for (const char* name : names) {
    if (!function) function = reinterpret_cast<F*>(dlsym(handle, name));
  }
}

template <class F>
void need(void* handle, F*& function, std::initializer_list<const char*> names) {
  find(handle, function, names);
  if (!function) throw LibraryError(fmt::format("the library has no function {}", *names.begin()));
}

void bind(Functions& f) {
  void* h = f.handle;
  need(h, f.version, {"tract_version"});
  need(h, f.last_error, {"tract_get_last_error"});
  need(h, f.free_text, {"tract_free_cstring"});
  need(h, f.create, {"tract_nnef_create"});
  need(h, f.destroy, {"tract_nnef_destroy"});
  need(h, f.load, {"tract_nnef_load", "tract_nnef_model_for_path"});
  find(h, f.onnx_create, {"tract_onnx_create"});
  find(h, f.onnx_destroy, {"tract_onnx_destroy"});
  find(h, f.onnx_load, {"tract_onnx_load"});
  find(h, f.typed, {"tract_inference_model_into_model"});
  need(h, f.model_destroy, {"tract_model_destroy"});
  find(h, f.concretize, {"tract_model_concretize_symbols"});
  need(h, f.transform, {"tract_model_transform"});
  find(h, f.optimize, {"tract_model_optimize"});
  need(h, f.input_count, {"tract_model_input_count"});
  need(h, f.output_count, {"tract_model_output_count"});
  need(h, f.input_name, {"tract_model_input_name"});
  need(h, f.input_fact, {"tract_model_input_fact"});
  need(h, f.fact_dump, {"tract_fact_dump"});
  need(h, f.fact_destroy, {"tract_fact_destroy"});
  need(h, f.into_runnable, {"tract_model_into_runnable"});
  need(h, f.runnable_run, {"tract_runnable_run"});
  need(h, f.runnable_release, {"tract_runnable_release"});
  find(h, f.property, {"tract_model_property"});
  find(h, f.spawn_state, {"tract_runnable_spawn_state"});
  find(h, f.state_run, {"tract_state_run"});
  find(h, f.state_destroy, {"tract_state_destroy"});
  need(h, f.tensor_from_bytes, {"tract_tensor_from_bytes", "tract_value_from_bytes"});
  need(h, f.tensor_as_bytes, {"tract_tensor_as_bytes", "tract_value_as_bytes"});
  need(h, f.tensor_destroy, {"tract_tensor_destroy", "tract_value_destroy"});
  for (const char* name :
       {"tract_nnef_enable_tract_core", "tract_nnef_enable_tract_extra", "tract_nnef_enable_tract_transformers",
        "tract_nnef_enable_onnx", "tract_nnef_enable_pulse"}) {
    int (*enable)(void*) = nullptr;
    find(h, enable, {name});  // tract_core has no switch from 0.23 on
    if (enable) f.registries.push_back(enable);
  }
}

}  // namespace

fs::path find_library() {
  if (const char* given = std::getenv("TRACT_LIBRARY"); given && *given) return given;
  std::vector<fs::path> places;
  if (const fs::path folder = torch2nnef::program_folder(); !folder.empty()) places.push_back(folder / "libtract.so");
  if (const fs::path place = torch2nnef::tract_place(); !place.empty()) places.push_back(place / "libtract.so");
  std::string looked;
  for (const fs::path& place : places) {
    std::error_code error;
    if (fs::is_regular_file(place, error)) return place;
    looked += "\n    " + place.string();
  }
  throw LibraryError("tract's library is not there: run tools/get-tract, or set TRACT_LIBRARY to its path. Looked for" +
                     looked);
}

Library::Library(const fs::path& path) {
  auto functions = std::make_shared<Functions>();
  functions->handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!functions->handle) throw LibraryError(fmt::format("tract's library cannot be loaded: {}", dlerror()));
  bind(*functions);
  functions_ = std::move(functions);
}

std::string Library::version() const { return functions_->version(); }

void Library::check(int status) const {
  if (status == 0) return;
  const char* message = functions_->last_error();
  throw EngineError(message && *message ? message : fmt::format("the engine failed with status {}", status));
}

EngineTensor::EngineTensor(const Library& library, void* handle)
    : library_(library), handle_(handle, [functions = &library.functions(), library](void* tensor) {
        if (tensor) functions->tensor_destroy(&tensor);
      }) {}

EngineTensor::EngineTensor(const Library& library, const nnef::TensorData& values)
    : EngineTensor(library, [&] {
        const std::vector<std::byte> bytes = torch2nnef::bytes_of(values);
        const std::vector<std::size_t> shape(values.shape().begin(), values.shape().end());
        const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();  // Rust takes no null
        void* made = nullptr;
        library.check(
            library.functions().tensor_from_bytes(code_of(values.dtype()), shape.size(), shape.data(), data, &made));
        return made;
      }()) {}

EngineTensor::Contents EngineTensor::contents() const {
  std::uint32_t code = 0;
  std::size_t rank = 0;
  const std::size_t* shape = nullptr;
  const void* data = nullptr;
  library_.check(library_.functions().tensor_as_bytes(handle(), &code, &rank, &shape, &data));
  const auto row = std::find_if(kTypeCodes.begin(), kTypeCodes.end(),
                                [&](const TypeCode& candidate) { return candidate.code == code; });
  if (row == kTypeCodes.end()) throw EngineError(fmt::format("a result has the unknown type code {}", code));
  return {row->dtype, {shape, shape + rank}, static_cast<const std::byte*>(data)};
}

nnef::TensorDataPtr EngineTensor::copy() const {
  const Contents all = contents();
  std::size_t size = nnef::item_size(all.dtype);
  for (const std::int64_t dim : all.shape) size *= static_cast<std::size_t>(dim);
  return std::make_shared<nnef::OwnedTensor>(all.dtype, all.shape, std::vector<std::byte>(all.bytes, all.bytes + size));
}

Model::Model(Library library, const fs::path& archive)
    : library_(std::move(library)), is_onnx_(archive.extension() == ".onnx") {
  try {
    is_onnx_ ? load_onnx(archive) : load(archive);
    library_.check(library_.functions().output_count(model_, &outputs_));
  } catch (...) {
    release();
    throw;
  }
}

Model::~Model() { release(); }

void Model::load(const fs::path& archive) {
  const Functions& f = library_.functions();
  library_.check(f.create(&context_));
  for (auto* enable : f.registries) library_.check(enable(context_));
  library_.check(f.load(context_, archive.c_str(), &model_));
}

void Model::load_onnx(const fs::path& file) {
  const Functions& f = library_.functions();
  if (!f.onnx_create || !f.onnx_load || !f.typed)
    throw LibraryError("the library does not read ONNX as that of 0.23 does");
  library_.check(f.onnx_create(&context_));
  void* inferred = nullptr;
  library_.check(f.onnx_load(context_, file.c_str(), &inferred));
  library_.check(f.typed(&inferred, &model_));  // which takes the other one
}

void Model::release() {
  const Functions& f = library_.functions();
  if (state_) f.state_destroy(&state_);
  if (runnable_) f.runnable_release(&runnable_);
  if (model_) f.model_destroy(&model_);
  if (context_) (is_onnx_ ? f.onnx_destroy : f.destroy)(&context_);
}

std::vector<InputFact> Model::inputs() const {
  const Functions& f = library_.functions();
  std::size_t count = 0;
  library_.check(f.input_count(model_, &count));
  std::vector<InputFact> inputs(count);
  const auto take = [&](char* text) {
    std::string copy = text;
    f.free_text(text);
    return copy;
  };
  for (std::size_t i = 0; i < count; ++i) {
    char *name = nullptr, *text = nullptr;
    void* fact = nullptr;
    library_.check(f.input_name(model_, i, &name));
    inputs[i].name = take(name);
    library_.check(f.input_fact(model_, i, &fact));
    const int status = f.fact_dump(fact, &text);
    f.fact_destroy(&fact);
    library_.check(status);
    inputs[i].text = take(text);
    inputs[i].dtype = inputs[i].text.substr(inputs[i].text.rfind(',') + 1);  // npos + 1 is 0: rank 0 has no comma
    for (char& letter : inputs[i].dtype) {                                   // "F32" up to 0.22
      letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
  }
  return inputs;
}

void Model::set_symbols(const std::vector<std::pair<std::string, std::int64_t>>& values) {
  const Functions& f = library_.functions();
  for (const auto& [name, value] : values) {
    if (f.concretize) {  // transform() is there too up to 0.22, but does not know set_symbols
      const char* symbol = name.c_str();
      library_.check(f.concretize(model_, 1, &symbol, &value));
    } else {
      const std::string text = fmt::format(R"({{"name":"set_symbols","values":{{"{}":{}}}}})", name, value);
      library_.check(f.transform(model_, text.c_str()));
    }
  }
}

void Model::to_pulses(const std::string& symbol, std::int64_t pulse) {
  const Functions& f = library_.functions();
  if (!f.property || !f.spawn_state || !f.state_run || !f.state_destroy) {
    throw EngineError(fmt::format("tract {} has no pulses in its library", library_.version()));
  }
  library_.check(
      f.transform(model_, fmt::format(R"({{"name":"pulse","symbol":"{}","pulse":"{}"}})", symbol, pulse).c_str()));
  is_stream_ = true;
}

std::vector<std::int64_t> Model::property(const char* name) const {
  void* tensor = nullptr;
  library_.check(library_.functions().property(model_, name, &tensor));
  const EngineTensor value(library_, tensor);
  const EngineTensor::Contents contents = value.contents();
  if (contents.dtype != DType::kI64) throw EngineError(fmt::format("the property {} is not i64", name));
  std::vector<std::int64_t> items(contents.shape.empty() ? 1 : static_cast<std::size_t>(contents.shape[0]));
  if (!items.empty()) std::memcpy(items.data(), contents.bytes, items.size() * sizeof(std::int64_t));
  return items;
}

Model::Pulses Model::pulses() const {
  return {property("pulse.delay"), property("pulse.input_axes"), property("pulse.output_axes")};
}

void Model::prepare() {
  const Functions& f = library_.functions();
  if (f.optimize) library_.check(f.optimize(model_));  // from 0.23 on a part of into_runnable
  const int status = f.into_runnable(&model_, &runnable_);
  model_ = nullptr;  // consumed, whatever the status
  library_.check(status);
  if (is_stream_) library_.check(f.spawn_state(runnable_, &state_));
}

std::vector<EngineTensor> Model::run(const std::vector<EngineTensor>& inputs) {
  std::vector<void*> given, results(outputs_, nullptr);
  given.reserve(inputs.size());
  for (const EngineTensor& input : inputs) given.push_back(input.handle());
  const Functions& f = library_.functions();
  library_.check(is_stream_ ? f.state_run(state_, given.data(), results.data())
                            : f.runnable_run(runnable_, given.data(), results.data()));
  std::vector<EngineTensor> outputs;
  outputs.reserve(outputs_);
  for (void* result : results) outputs.emplace_back(library_, result);
  return outputs;
}

std::vector<nnef::TensorDataPtr> Model::run(const std::vector<nnef::TensorDataPtr>& inputs) {
  std::vector<EngineTensor> given;
  given.reserve(inputs.size());
  for (const nnef::TensorDataPtr& input : inputs) given.emplace_back(library_, *input);
  std::vector<nnef::TensorDataPtr> outputs;
  for (const EngineTensor& output : run(given)) outputs.push_back(output.copy());
  return outputs;
}

}  // namespace tract_run
