// The items of a tensor file: which types there are, how many bytes they take, how odd widths are packed, and tensors
// that are stored in another form than the plain one of their dtype.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

inline constexpr std::uint16_t kTractVendor = 0x5452;

// The fields of a tensor file's header that name its items (NNEF 1.0.5 section 5.2, and tract's codes under its
// vendor).
struct ItemType {
  std::uint16_t code = 0;
  std::uint16_t vendor = 0;
  std::uint32_t bits = 32;
  friend bool operator==(const ItemType&, const ItemType&) = default;

  // What is written for a dtype unless a StoredTensor tells otherwise.
  static ItemType of(DType dtype);
  // Integers whose meaning is in graph.quant.
  static ItemType quantised(DType dtype);
  // tract's block-quantised weights, which are passed through as they are.
  bool is_block() const;
};

// A tensor that says how it is stored.
class StoredAs : public TensorData {
 public:
  virtual ItemType item_type() const = 0;
};

// A tensor that a tensor file holds in another form than ItemType::of its dtype. Its bytes are the plain items of the
// dtype all the same (items of 4 bits are u8 or i8) and are packed when they are written; only blocks are given as they
// are stored, under the dtype f32, which they stand for.
class StoredTensor final : public StoredAs {
 public:
  // Throws std::invalid_argument when the type, the shape and the number of bytes do not go together.
  StoredTensor(ItemType item_type, std::vector<std::int64_t> shape, std::vector<std::byte> bytes);
  DType dtype() const override { return dtype_; }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  void stream(const ByteSink& sink) const override { sink(bytes_.data(), bytes_.size()); }
  ItemType item_type() const override { return item_type_; }

 private:
  ItemType item_type_;
  DType dtype_;
  std::vector<std::int64_t> shape_;
  std::vector<std::byte> bytes_;
};

// How a tensor is stored: what it says, else ItemType::of its dtype.
ItemType item_type_of(const TensorData& tensor);
// Bytes that the tensor's stream gives.
std::uint64_t stream_size(const TensorData& tensor);

// The type that the items have in memory: that of the width or, for integers of odd widths, the next larger one.
// Nullopt for items that this program cannot hold.
std::optional<DType> memory_dtype(const ItemType& type);

// "8-bit signed quantised integers", "Q4_0 blocks (a type of tract)".
std::string describe(const ItemType& type);

// Integers whose meaning is in graph.quant; tract writes plain ones with these codes, too.
bool is_quantised(const ItemType& type);

// Bytes of that many items in the file.
std::uint64_t stored_size(const ItemType& type, std::uint64_t items);

// Whether the bytes in the file differ from those in memory.
bool is_packed(const ItemType& type);

// Packed items are a stream of bits, the most significant bit of an item first, as bools are; but a width of whole
// bytes is little-endian as in memory. The last byte is filled with zeros.
std::vector<std::byte> unpack_items(const ItemType& type, const std::byte* data, std::uint64_t items);
// Throws std::range_error for a value that does not fit in the width.
std::vector<std::byte> pack_items(const ItemType& type, const std::vector<std::byte>& items);

}  // namespace nnef
