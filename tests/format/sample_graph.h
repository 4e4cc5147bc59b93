// A small graph with a bit of everything, and a temporary folder, for the tests of reading and writing.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "nnef/io.h"

namespace nnef {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nnef_test_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  int count() const {
    return static_cast<int>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline TensorDataPtr ramp(DType dtype, std::vector<std::int64_t> shape, unsigned seed = 1) {
  std::size_t size = item_size(dtype);
  for (std::int64_t extent : shape) size *= static_cast<std::size_t>(extent);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((seed = seed * 1664525u + 1013904223u) >> 24);
  return std::make_shared<OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

inline Value add_value(Graph& graph, const std::string& name, DType dtype, Shape shape) {
  graph.values.push_back({name, dtype, std::move(shape)});
  return Value{static_cast<std::int32_t>(graph.values.size()) - 1};
}

// y = (x + w) * 0.1, i = argmax; x is [S, 4].
inline Graph sample_graph() {
  Graph graph;
  graph.registries = {"tract_core"};
  graph.symbols = {"S"};
  graph.asserts = {"S >= 1"};
  graph.properties = {{"key", "a \"quoted\" 'text' \\ {{ x }} {% y"}};
  const Dim s = Dim::symbol("S");
  const Value x = add_value(graph, "x", DType::kF32, {s, 4});
  const Value w = add_value(graph, "w", DType::kF32, {1, 4});
  const Value a = add_value(graph, "a", DType::kF32, {s, 4});
  const Value y = add_value(graph, "y", DType::kF32, {s, 4});
  const Value i = add_value(graph, "i", DType::kI64, {s, 1});
  graph.inputs = {x};
  graph.outputs = {y, i};
  graph.variables["block.0/weight"] = ramp(DType::kF32, {1, 4});
  graph.operations.push_back(
      {"tract_core_external", {{"datum_type", "f32"}, {"shape", std::vector<Dim>{s, 4}}}, {x}, "input {{"});
  graph.operations.push_back(
      {"variable", {{"shape", std::vector<std::int64_t>{1, 4}}, {"label", "block.0/weight"}}, {w}, ""});
  graph.operations.push_back({"add", {{"x", x}, {"y", w}}, {a}, "model.py:3"});
  graph.operations.push_back({"mul", {{"x", a}, {"y", 0.1}}, {y}, ""});
  graph.operations.push_back({"argmax_reduce", {{"input", y}, {"axes", std::vector<std::int64_t>{1}}}, {i}, ""});
  return graph;
}

inline Dialect tract_dialect() { return Dialect(Target{}); }

}  // namespace nnef
