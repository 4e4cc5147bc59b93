// Small tensors and archives for tests.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "export/verify/float_cast.h"
#include "nnef/io.h"

namespace torch2nnef_test {

template <class T>
nnef::TensorDataPtr tensor(nnef::DType dtype, std::vector<std::int64_t> shape, const std::vector<T>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), items.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

inline nnef::TensorDataPtr f32(std::vector<std::int64_t> shape, const std::vector<float>& items) {
  return tensor(nnef::DType::kF32, std::move(shape), items);
}

inline nnef::TensorDataPtr f16(std::vector<std::int64_t> shape, const std::vector<float>& items) {
  return torch2nnef::cast_float(*f32(std::move(shape), items), nnef::DType::kF16);
}

inline nnef::TensorDataPtr i64(std::vector<std::int64_t> shape, const std::vector<std::int64_t>& items) {
  return tensor(nnef::DType::kI64, std::move(shape), items);
}

// A folder with a graph.nnef: `x` is the input, `body` the statements after it, `results` the result list.
inline void write_graph(const std::filesystem::path& folder, const std::string& external, const std::string& body,
                        const std::string& results = "y") {
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "graph.nnef") << "version 1.0;\nextension tract_registry tract_core;\n"
                                       << "extension tract_symbol S;\ngraph net(x) -> (" << results << ") {\n"
                                       << "  x = tract_core_external(" << external << ");\n  " << body << "\n}\n";
}

}  // namespace torch2nnef_test
