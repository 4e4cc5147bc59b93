#include "nnef/archive/item_type.h"

#include <cstring>
#include <stdexcept>

namespace nnef {
namespace {

enum Code : std::uint16_t {
  kFloat = 0,
  kUnsigned = 1,
  kQuantUnsigned = 2,
  kQuantSigned = 3,
  kSigned = 4,
  kLogical = 5
};
enum TractCode : std::uint16_t {
  kStrings = 0x1000,
  kQ40 = 0x2040,
  kQ40Ggml = 0x3040,
  kQ81 = 0x3080,
  kQ81AsWritten = 0x3081,  // by tract's writer, whose reader wants the other
};

constexpr std::uint32_t kBlockItems = 32;

bool is_signed_code(std::uint16_t code) { return code == kQuantSigned || code == kSigned; }

std::size_t memory_size(const ItemType& type) { return item_size(memory_dtype(type).value()); }

std::uint64_t load(const std::byte* at, std::size_t bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, bytes);  // little-endian, as the files and every machine that is supported
  return value;
}

// The value in as many bits as the item has, or an error.
std::uint64_t narrow(const ItemType& type, std::uint64_t value, std::size_t bytes) {
  if (type.code == kLogical) return value != 0 ? 1 : 0;
  const std::uint32_t bits = type.bits;
  const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  if (!is_signed_code(type.code)) {
    if ((value & ~mask) != 0) throw std::range_error("the value does not fit in " + std::to_string(bits) + " bits");
    return value;
  }
  const auto shift = static_cast<unsigned>(64 - 8 * bytes);
  const std::int64_t number = static_cast<std::int64_t>(value << shift) >> shift;
  const std::int64_t rest = number >> (bits - 1);
  if (rest != 0 && rest != -1) throw std::range_error("the value does not fit in " + std::to_string(bits) + " bits");
  return static_cast<std::uint64_t>(number) & mask;
}

}  // namespace

ItemType ItemType::of(DType dtype) {
  const auto bits = static_cast<std::uint32_t>(8 * item_size(dtype));
  if (dtype == DType::kBool) return {kLogical, 0, bits};
  if (is_float(dtype)) return {kFloat, 0, bits};
  return {is_signed(dtype) ? kSigned : kUnsigned, 0, bits};
}

ItemType ItemType::quantised(DType dtype) {
  return {is_signed(dtype) ? kQuantSigned : kQuantUnsigned, 0, static_cast<std::uint32_t>(8 * item_size(dtype))};
}

StoredTensor::StoredTensor(ItemType item_type, std::vector<std::int64_t> shape, std::vector<std::byte> bytes)
    : item_type_(item_type), shape_(std::move(shape)), bytes_(std::move(bytes)) {
  const std::optional<DType> dtype = memory_dtype(item_type);
  if (!dtype) throw std::invalid_argument("a tensor cannot hold " + describe(item_type));
  dtype_ = *dtype;
  for (std::int64_t size : shape_) {
    if (size < 0) throw std::invalid_argument("a tensor has a negative extent");
  }
  if (stream_size(*this) != bytes_.size()) {
    throw std::invalid_argument("a tensor of " + std::to_string(stream_size(*this)) + " bytes was given " +
                                std::to_string(bytes_.size()));
  }
}

ItemType item_type_of(const TensorData& tensor) {
  const auto* const stored = dynamic_cast<const StoredAs*>(&tensor);
  return stored ? stored->item_type() : ItemType::of(tensor.dtype());
}

std::uint64_t stream_size(const TensorData& tensor) {
  const ItemType type = item_type_of(tensor);
  return type.is_block() ? stored_size(type, static_cast<std::uint64_t>(tensor.numel())) : tensor.byte_size();
}

bool ItemType::is_block() const {
  return vendor == kTractVendor && (code == kQ40 || code == kQ40Ggml || code == kQ81 || code == kQ81AsWritten);
}

std::optional<DType> memory_dtype(const ItemType& type) {
  if (type.is_block()) return DType::kF32;
  if (type.vendor != 0 || type.bits == 0 || type.bits > 64) return std::nullopt;
  const auto by_width = [&](DType w8, DType w16, DType w32, DType w64) {
    return type.bits <= 8 ? w8 : type.bits <= 16 ? w16 : type.bits <= 32 ? w32 : w64;
  };
  switch (type.code) {
    case kFloat:
      if (type.bits == 16) return DType::kF16;
      if (type.bits == 32) return DType::kF32;
      if (type.bits == 64) return DType::kF64;
      return std::nullopt;
    case kUnsigned:
    case kQuantUnsigned:
      return by_width(DType::kU8, DType::kU16, DType::kU32, DType::kU64);
    case kSigned:
    case kQuantSigned:
      return by_width(DType::kI8, DType::kI16, DType::kI32, DType::kI64);
    case kLogical:
      return DType::kBool;
    default:
      return std::nullopt;
  }
}

std::string describe(const ItemType& type) {
  const std::string bits = std::to_string(type.bits) + "-bit ";
  if (type.vendor == 0) {
    constexpr const char* kNames[] = {
        "floats",          "unsigned integers", "unsigned quantised integers", "signed quantised integers",
        "signed integers", "logicals"};
    return type.code <= kLogical ? bits + kNames[type.code] : "items of unknown type " + std::to_string(type.code);
  }
  if (type.vendor != kTractVendor) return "items of vendor " + std::to_string(type.vendor);
  switch (type.code) {
    case kStrings:
      return "strings (a type of tract)";
    case kQ40:
      return "Q4_0 blocks (a type of tract)";
    case kQ40Ggml:
      return "Q4_0 blocks in GGML order (a type of tract)";
    case kQ81:
    case kQ81AsWritten:
      return "Q8_1 blocks (a type of tract)";
    case kFloat:
    case kSigned:
      return "complex numbers (a type of tract)";
    default:
      return "items of an unknown type of tract (" + std::to_string(type.code) + ")";
  }
}

std::uint64_t stored_size(const ItemType& type, std::uint64_t items) {
  if (type.is_block()) {
    const std::uint64_t block = type.code == kQ40 || type.code == kQ40Ggml ? 2 + kBlockItems / 2 : 4 + kBlockItems;
    return (items + kBlockItems - 1) / kBlockItems * block;
  }
  return items / 8 * type.bits + (items % 8 * type.bits + 7) / 8;
}

bool is_quantised(const ItemType& type) {
  return type.vendor == 0 && (type.code == kQuantUnsigned || type.code == kQuantSigned);
}

bool is_packed(const ItemType& type) { return !type.is_block() && type.bits != 8 * memory_size(type); }

std::vector<std::byte> unpack_items(const ItemType& type, const std::byte* data, std::uint64_t items) {
  const std::size_t width = memory_size(type);
  const std::uint32_t bits = type.bits;
  std::vector<std::byte> result(items * width);
  for (std::uint64_t i = 0; i < items; ++i) {
    std::uint64_t value = 0;
    if (bits % 8 == 0) {
      value = load(data + i * (bits / 8), bits / 8);
    } else {
      for (std::uint64_t bit = i * bits; bit < (i + 1) * bits; ++bit) {
        value = value << 1 | (std::to_integer<std::uint64_t>(data[bit / 8]) >> (7 - bit % 8) & 1);
      }
    }
    if (type.code == kLogical) value = value != 0 ? 1 : 0;
    if (is_signed_code(type.code) && (value >> (bits - 1) & 1) != 0 && bits < 64) value |= ~std::uint64_t{0} << bits;
    std::memcpy(&result[i * width], &value, width);
  }
  return result;
}

std::vector<std::byte> pack_items(const ItemType& type, const std::vector<std::byte>& bytes) {
  const std::size_t width = memory_size(type);
  const std::uint32_t bits = type.bits;
  const std::uint64_t items = bytes.size() / width;
  std::vector<std::byte> result(stored_size(type, items));
  for (std::uint64_t i = 0; i < items; ++i) {
    const std::uint64_t value = narrow(type, load(&bytes[i * width], width), width);
    if (bits % 8 == 0) {
      std::memcpy(&result[i * (bits / 8)], &value, bits / 8);
      continue;
    }
    for (std::uint32_t k = 0; k < bits; ++k) {
      const std::uint64_t bit = i * bits + k;
      if ((value >> (bits - 1 - k) & 1) != 0) result[bit / 8] |= std::byte{0x80} >> static_cast<int>(bit % 8);
    }
  }
  return result;
}

}  // namespace nnef
