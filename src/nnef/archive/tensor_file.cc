// The tensor file of NNEF 1.0.5, section 5.2: a header of 128 bytes, then the items.
#include <algorithm>
#include <limits>

#include "nnef/archive/tensor_header.h"

namespace nnef {
namespace {

void put(std::byte* at, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

std::uint32_t get(const std::byte* at, int bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= std::to_integer<std::uint32_t>(at[i]) << (8 * i);
  return value;
}

// Files of older writers: signed integers as unsigned ones with a flag, and the codes that the specification printed
// in binary, taken for hexadecimal.
std::uint16_t current_code(std::uint16_t code, std::uint32_t first_parameter) {
  switch (code) {
    case 0x0001:
      return first_parameter != 0 ? 4 : 1;
    case 0x0010:
      return 2;
    case 0x0011:
      return 3;
    case 0x0100:
      return 4;
    case 0x0101:
      return 5;
    default:
      return code;
  }
}

[[noreturn]] void fail(std::string_view file, const std::string& message) {
  throw FormatError(std::string(file) + ": " + message);
}

class TensorOnDisk final : public StoredAs {
 public:
  explicit TensorOnDisk(TensorHeader header) : header_(std::move(header)) {}
  DType dtype() const override { return header_.dtype; }
  const std::vector<std::int64_t>& shape() const override { return header_.shape; }
  ItemType item_type() const override { return header_.item_type; }
  void stream(const ByteSink&) const override { throw FormatError("the data of this tensor were not kept"); }

 private:
  TensorHeader header_;
};

}  // namespace

TensorDataPtr tensor_of(TensorHeader header) { return std::make_shared<TensorOnDisk>(std::move(header)); }

std::vector<std::byte> tensor_header(const ItemType& type, const std::vector<std::int64_t>& shape,
                                     std::string_view file) {
  if (shape.size() > kMaxTensorRank) {
    fail(file, "rank " + std::to_string(shape.size()) + " is above 8, the most that the format holds");
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t items = 1;
  bool fits = true;
  for (std::int64_t extent : shape) {
    if (extent < 0) fail(file, "negative extent " + std::to_string(extent));
    fits = fits && static_cast<std::uint64_t>(extent) <= kMost;
  }
  for (std::int64_t extent : shape) {
    // Items of one bit may be eight times as many as bytes.
    if (fits && items <= 8 * kMost) items *= static_cast<std::uint64_t>(extent);
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) items = 0;
  if (!fits || items > 8 * kMost || stored_size(type, items) > kMost) {
    fail(file, "the tensor has 4 GiB or more, which the format cannot hold: split it and concatenate the parts");
  }
  std::vector<std::byte> header(kTensorHeaderSize);
  header[0] = std::byte{0x4e};
  header[1] = std::byte{0xef};
  header[2] = std::byte{1};
  put(&header[4], static_cast<std::uint32_t>(stored_size(type, items)), 4);
  put(&header[8], static_cast<std::uint32_t>(shape.size()), 4);
  for (std::size_t i = 0; i < shape.size(); ++i) put(&header[12 + 4 * i], static_cast<std::uint32_t>(shape[i]), 4);
  put(&header[44], type.bits, 4);
  put(&header[48], type.code, 2);
  put(&header[50], type.vendor, 2);
  return header;
}

void write_tensor(const TensorData& tensor, std::string_view file, const ByteSink& sink) {
  const ItemType type = item_type_of(tensor);
  const std::vector<std::byte> header = tensor_header(type, tensor.shape(), file);
  sink(header.data(), header.size());
  const bool packed = is_packed(type);
  std::uint64_t written = 0;
  std::vector<std::byte> items;
  tensor.stream([&](const void* bytes, std::size_t count) {
    written += count;
    const auto* begin = static_cast<const std::byte*>(bytes);
    if (packed) {
      items.insert(items.end(), begin, begin + count);
    } else {
      sink(bytes, count);
    }
  });
  if (written != stream_size(tensor)) {
    fail(file,
         "the tensor gave " + std::to_string(written) + " bytes instead of " + std::to_string(stream_size(tensor)));
  }
  if (!packed) return;
  try {
    const std::vector<std::byte> data = pack_items(type, items);
    sink(data.data(), data.size());
  } catch (const std::range_error& error) {
    fail(file, error.what());
  }
}

std::vector<std::byte> tensor_header(DType dtype, const std::vector<std::int64_t>& shape) {
  return tensor_header(ItemType::of(dtype), shape, "tensor file");
}

void write_tensor(const TensorData& tensor, const ByteSink& sink) { write_tensor(tensor, "tensor file", sink); }

TensorHeader parse_tensor_header(const std::byte* bytes, std::size_t size, std::string_view file) {
  if (size < kTensorHeaderSize)
    fail(file, "the tensor file has " + std::to_string(size) + " bytes, less than its header");
  if (bytes[0] != std::byte{0x4e} || bytes[1] != std::byte{0xef})
    fail(file, "not a tensor file (wrong first two bytes)");
  if (bytes[2] != std::byte{1}) {
    fail(file, "tensor file of version " + std::to_string(std::to_integer<int>(bytes[2])) + ", only 1 is known");
  }
  TensorHeader header;
  header.data_size = get(bytes + 4, 4);
  const std::uint32_t rank = get(bytes + 8, 4);
  if (rank > kMaxTensorRank) fail(file, "the tensor has rank " + std::to_string(rank) + ", the most is 8");
  std::uint64_t items = 1;
  for (std::uint32_t i = 0; i < rank; ++i) header.shape.push_back(get(bytes + 12 + 4 * i, 4));
  const bool empty = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  for (std::int64_t extent : header.shape) {
    items = empty ? 0 : items * static_cast<std::uint64_t>(extent);
    if (items > (std::uint64_t{1} << 35))
      fail(file, "the extents " + to_string(make_shape(header.shape)) + " are too large");
  }
  ItemType& type = header.item_type;
  type.bits = get(bytes + 44, 4);
  type.vendor = static_cast<std::uint16_t>(get(bytes + 50, 2));
  type.code = static_cast<std::uint16_t>(get(bytes + 48, 2));
  if (type.vendor == 0) type.code = current_code(type.code, get(bytes + 52, 4));
  const std::optional<DType> dtype = memory_dtype(type);
  if (!dtype) fail(file, "the tensor holds " + describe(type) + ", which cannot be read");
  header.dtype = *dtype;
  if (type.is_block() && items % 32 != 0) {
    fail(file, "the extents " + to_string(make_shape(header.shape)) + " are not whole blocks of 32 items");
  }
  const std::uint64_t wanted = stored_size(type, items);
  if (wanted != header.data_size) {
    fail(file, "the header says " + std::to_string(header.data_size) + " bytes of data, its extents " +
                   to_string(make_shape(header.shape)) + " need " + std::to_string(wanted));
  }
  header.items = items;
  return header;
}

TensorDataPtr read_tensor(const void* bytes, std::size_t size, std::string_view file) {
  const auto* begin = static_cast<const std::byte*>(bytes);
  const TensorHeader header = parse_tensor_header(begin, size, file);
  if (size - kTensorHeaderSize != header.data_size) {
    fail(file, "the file has " + std::to_string(size - kTensorHeaderSize) + " bytes of data, its header says " +
                   std::to_string(header.data_size));
  }
  begin += kTensorHeaderSize;
  std::vector<std::byte> items;
  if (is_packed(header.item_type)) {
    items = unpack_items(header.item_type, begin, header.items);
  } else {
    items.assign(begin, begin + header.data_size);
    if (header.dtype == DType::kBool) {
      for (std::byte& item : items) item = item == std::byte{0} ? std::byte{0} : std::byte{1};
    }
  }
  if (header.item_type == ItemType::of(header.dtype)) {
    return std::make_shared<OwnedTensor>(header.dtype, header.shape, std::move(items));
  }
  return std::make_shared<StoredTensor>(header.item_type, header.shape, std::move(items));
}

}  // namespace nnef
