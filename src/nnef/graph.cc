#include "nnef/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "nnef/half.h"

namespace nnef {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are little-endian as stored");

[[noreturn]] void refuse(DType dtype, const std::string& value) {
  throw std::range_error("the value " + value + " does not fit in " + std::string(to_string(dtype)));
}

template <class Item>
void append(std::vector<std::byte>& bytes, Item item) {
  const std::size_t begin = bytes.size();
  bytes.resize(begin + sizeof(Item));
  std::memcpy(bytes.data() + begin, &item, sizeof(Item));
}

template <class Integer>
void append_integer(std::vector<std::byte>& bytes, DType dtype, std::int64_t value) {
  if (!std::in_range<Integer>(value)) refuse(dtype, std::to_string(value));
  append(bytes, static_cast<Integer>(value));
}

void append_item(std::vector<std::byte>& bytes, DType dtype, std::int64_t value);

void append_item(std::vector<std::byte>& bytes, DType dtype, double value) {
  switch (dtype) {
    case DType::kF16:
      if (std::isfinite(value) && std::fabs(value) >= 65520) refuse(dtype, std::to_string(value));
      return append(bytes, half_bits(value));
    case DType::kF32:
      if (std::isfinite(value) && !std::isfinite(static_cast<float>(value))) refuse(dtype, std::to_string(value));
      return append(bytes, static_cast<float>(value));
    case DType::kF64:
      return append(bytes, value);
    default:
      break;
  }
  if (value != std::trunc(value) || std::fabs(value) >= 9223372036854775808.0) refuse(dtype, std::to_string(value));
  append_item(bytes, dtype, static_cast<std::int64_t>(value));
}

void append_item(std::vector<std::byte>& bytes, DType dtype, std::int64_t value) {
  switch (dtype) {
    case DType::kBool:
      if (value != 0 && value != 1) refuse(dtype, std::to_string(value));
      return append(bytes, static_cast<std::uint8_t>(value));
    case DType::kU8:
      return append_integer<std::uint8_t>(bytes, dtype, value);
    case DType::kU16:
      return append_integer<std::uint16_t>(bytes, dtype, value);
    case DType::kU32:
      return append_integer<std::uint32_t>(bytes, dtype, value);
    case DType::kU64:
      return append_integer<std::uint64_t>(bytes, dtype, value);
    case DType::kI8:
      return append_integer<std::int8_t>(bytes, dtype, value);
    case DType::kI16:
      return append_integer<std::int16_t>(bytes, dtype, value);
    case DType::kI32:
      return append_integer<std::int32_t>(bytes, dtype, value);
    case DType::kI64:
      return append(bytes, value);
    default:
      return append_item(bytes, dtype, static_cast<double>(value));
  }
}

template <class Item, class Items>
Argument::Array array_of(const Items& items) {
  Argument::Array array;
  array.items.reserve(items.size());
  for (const Item& item : items) array.items.emplace_back(item);
  return array;
}

}  // namespace

std::int64_t TensorData::numel() const {
  const std::vector<std::int64_t>& extents = shape();
  // The product of the others may be too large for a number.
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return 0;
  std::int64_t count = 1;
  for (std::int64_t extent : extents) count *= extent;
  return count;
}

std::size_t TensorData::byte_size() const { return static_cast<std::size_t>(numel()) * item_size(dtype()); }

OwnedTensor::OwnedTensor(DType dtype, std::vector<std::int64_t> shape, std::vector<std::byte> bytes)
    : dtype_(dtype), shape_(std::move(shape)), bytes_(std::move(bytes)) {
  for (std::int64_t size : shape_) {
    if (size < 0) throw std::invalid_argument("a tensor has a negative extent");
  }
  if (byte_size() != bytes_.size()) {
    throw std::invalid_argument("a tensor of " + std::to_string(byte_size()) + " bytes was given " +
                                std::to_string(bytes_.size()));
  }
}

TensorDataPtr scalar_tensor(DType dtype, double value) {
  std::vector<std::byte> bytes;
  append_item(bytes, dtype, value);
  return std::make_shared<OwnedTensor>(dtype, std::vector<std::int64_t>{}, std::move(bytes));
}

TensorDataPtr scalar_tensor(DType dtype, std::int64_t value) {
  std::vector<std::byte> bytes;
  append_item(bytes, dtype, value);
  return std::make_shared<OwnedTensor>(dtype, std::vector<std::int64_t>{}, std::move(bytes));
}

TensorDataPtr vector_tensor(DType dtype, const std::vector<std::int64_t>& values) {
  std::vector<std::byte> bytes;
  for (std::int64_t value : values) append_item(bytes, dtype, value);
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
  return std::make_shared<OwnedTensor>(dtype, std::move(shape), std::move(bytes));
}

Argument::Argument(const std::vector<Value>& values) : is(array_of<Value>(values)) {}

Argument::Argument(const std::vector<std::int64_t>& numbers) : is(array_of<std::int64_t>(numbers)) {}

Argument::Argument(const std::vector<Dim>& dims) : is(array_of<Dim>(dims)) {}

Argument::Argument(const std::vector<std::pair<Dim, Dim>>& pairs) {
  Array array;
  for (const auto& [before, after] : pairs) array.items.push_back(tuple({before, after}));
  is = std::move(array);
}

Argument Argument::tuple(std::vector<Argument> items) {
  Array array;
  array.items = std::move(items);
  array.is_tuple = true;
  return Argument(std::move(array));
}

const Argument* Operation::find(std::string_view name) const {
  for (const NamedArgument& named : arguments) {
    if (named.name == name) return &named.argument;
  }
  return nullptr;
}

}  // namespace nnef
