#include "export/exported_program/storages.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::size_t kMostRank = 64;
// A tensor may show an item many times (stride 0); what it shows is made real when it is written.
constexpr std::int64_t kMostItems = std::int64_t{1} << 36;

void check_view(const StoredView& view, std::int64_t count) {
  const auto wrong = [](const std::string& how) { throw nnef::FormatError("the tensor " + how); };
  if (view.sizes.size() != view.strides.size()) wrong("has another number of strides than of sizes");
  if (view.sizes.size() > kMostRank) wrong("has more than 64 axes");
  if (view.offset < 0) wrong("begins at a negative place");
  std::int64_t items = 1, last = view.offset;
  bool is_empty = false, is_beyond = false;
  for (std::size_t i = 0; i < view.sizes.size(); ++i) {
    const std::int64_t size = view.sizes[i], stride = view.strides[i];
    if (size < 0) wrong("has a negative size");
    if (stride < 0) wrong("has a negative stride");
    is_empty = is_empty || size == 0;
    if (size > kMostItems || (items *= std::max<std::int64_t>(size, 1)) > kMostItems) wrong("is too large");
    std::int64_t reach = 0;
    is_beyond =
        is_beyond ||
        (size > 1 && (__builtin_mul_overflow(size - 1, stride, &reach) || __builtin_add_overflow(last, reach, &last)));
  }
  if (!is_empty && (is_beyond || last >= count)) wrong("has items beyond the end of its storage");
}

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
  check_view(view, static_cast<std::int64_t>(bytes.size() / c10::elementSize(type)));
  const bool is_empty = std::find(view.sizes.begin(), view.sizes.end(), 0) != view.sizes.end();
  if (is_empty) return at::empty(view.sizes, at::TensorOptions().dtype(type));
  return whole(bytes, type).as_strided(view.sizes, view.strides, view.offset);
}

}  // namespace torch2nnef
