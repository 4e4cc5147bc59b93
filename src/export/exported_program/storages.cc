#include "export/exported_program/storages.h"

#include <algorithm>
#include <cstring>

#include "export/load/tensor_extent.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

void check_bools(std::string_view bytes) {
  const bool good = std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0 || byte == 1; });
  if (!good) throw nnef::FormatError("a bool in it is neither true nor false");
}

}  // namespace

const at::Tensor& Storages::whole(std::string_view bytes, at::ScalarType type) {
  at::Tensor& tensor = wholes_[{bytes.data(), type}];
  if (tensor.defined()) return tensor;
  const std::size_t item = c10::elementSize(type);
  const auto count = static_cast<std::int64_t>(bytes.size() / item);
  if (type == at::kBool) check_bools(bytes);
  const at::TensorOptions options = at::TensorOptions().dtype(type);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % item != 0) {  // archives inside of archives need not align
    tensor = at::empty({count}, options);
    std::memcpy(tensor.data_ptr(), bytes.data(), static_cast<std::size_t>(count) * item);
    return tensor;
  }
  // The mapping is private and writable, so the cast takes no promise away.
  tensor = at::from_blob(
      const_cast<char*>(bytes.data()), {count}, [memory = memory_](void*) {}, options);
  return tensor;
}

at::Tensor Storages::view(std::string_view bytes, at::ScalarType type, const StoredView& view) {
  const auto count = static_cast<std::int64_t>(bytes.size() / c10::elementSize(type));
  const std::string problem = problem_of_view(view.sizes, view.strides, view.offset, count);
  if (!problem.empty()) throw nnef::FormatError("the tensor " + problem);
  const bool is_empty = std::find(view.sizes.begin(), view.sizes.end(), 0) != view.sizes.end();
  if (is_empty) return at::empty(view.sizes, at::TensorOptions().dtype(type));
  return whole(bytes, type).as_strided(view.sizes, view.strides, view.offset);
}

}  // namespace torch2nnef
