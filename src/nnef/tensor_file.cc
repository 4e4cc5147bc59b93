// The tensor file of NNEF 1.0.5, section 5.2: a header of 128 bytes, then the items.
#include <algorithm>
#include <array>
#include <limits>

#include "nnef/tensor_header.h"

namespace nnef {
namespace {

constexpr std::uint16_t kTractVendor = 0x5452;

enum ItemCode : std::uint16_t {
  kFloat = 0,
  kUnsigned = 1,
  kQuantUnsigned = 2,
  kQuantSigned = 3,
  kSigned = 4,
  kLogical = 5
};

void put(std::byte* at, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

std::uint32_t get(const std::byte* at, int bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= std::to_integer<std::uint32_t>(at[i]) << (8 * i);
  return value;
}

ItemCode item_code(DType dtype) {
  if (dtype == DType::kBool) return kLogical;
  if (is_float(dtype)) return kFloat;
  return is_signed(dtype) ? kSigned : kUnsigned;
}

struct ItemType {
  ItemCode code;
  std::uint32_t bits;
  DType dtype;
};

// What a reader takes. Codes 2 and 3 are the specification's quantised items; tract writes plain integers with them.
constexpr std::array kItemTypes = {
    ItemType{kFloat, 16, DType::kF16},         ItemType{kFloat, 32, DType::kF32},
    ItemType{kFloat, 64, DType::kF64},         ItemType{kUnsigned, 8, DType::kU8},
    ItemType{kUnsigned, 16, DType::kU16},      ItemType{kUnsigned, 32, DType::kU32},
    ItemType{kUnsigned, 64, DType::kU64},      ItemType{kQuantUnsigned, 8, DType::kU8},
    ItemType{kQuantUnsigned, 16, DType::kU16}, ItemType{kQuantUnsigned, 32, DType::kU32},
    ItemType{kQuantUnsigned, 64, DType::kU64}, ItemType{kQuantSigned, 8, DType::kI8},
    ItemType{kQuantSigned, 16, DType::kI16},   ItemType{kQuantSigned, 32, DType::kI32},
    ItemType{kQuantSigned, 64, DType::kI64},   ItemType{kSigned, 8, DType::kI8},
    ItemType{kSigned, 16, DType::kI16},        ItemType{kSigned, 32, DType::kI32},
    ItemType{kSigned, 64, DType::kI64},        ItemType{kLogical, 8, DType::kBool},
    ItemType{kLogical, 1, DType::kBool},
};

std::string vendor_type_name(std::uint32_t vendor, std::uint32_t code) {
  if (vendor != kTractVendor) return "items of vendor " + std::to_string(vendor);
  switch (code) {
    case 0x1000:
      return "strings (a type of tract)";
    case 0x2040:
      return "Q4_0 blocks (a type of tract)";
    case 0x3040:
      return "Q4_0 blocks in GGML order (a type of tract)";
    case 0x3080:
    case 0x3081:
      return "Q8_1 blocks (a type of tract)";
    case 0:
    case 4:
      return "complex numbers (a type of tract)";
    default:
      return "items of an unknown type of tract (" + std::to_string(code) + ")";
  }
}

[[noreturn]] void fail(std::string_view file, const std::string& message) {
  throw FormatError(std::string(file) + ": " + message);
}

}  // namespace

std::vector<std::byte> tensor_header(DType dtype, const std::vector<std::int64_t>& shape, std::string_view file) {
  if (shape.size() > kMaxTensorRank) {
    fail(file, "rank " + std::to_string(shape.size()) + " is above 8, the most that the format holds");
  }
  std::uint64_t size = item_size(dtype);
  bool fits = true;
  bool empty = false;
  for (std::int64_t extent : shape) {
    if (extent < 0) fail(file, "negative extent " + std::to_string(extent));
    empty = empty || extent == 0;
    fits = fits && static_cast<std::uint64_t>(extent) <= std::numeric_limits<std::uint32_t>::max();
    if (fits && extent != 0 && size <= std::numeric_limits<std::uint32_t>::max())
      size *= static_cast<std::uint64_t>(extent);
  }
  if (empty) size = 0;
  if (!fits || size > std::numeric_limits<std::uint32_t>::max()) {
    fail(file, "the tensor has 4 GiB or more, which the format cannot hold: split it and concatenate the parts");
  }
  std::vector<std::byte> header(kTensorHeaderSize);
  header[0] = std::byte{0x4e};
  header[1] = std::byte{0xef};
  header[2] = std::byte{1};
  put(&header[4], static_cast<std::uint32_t>(size), 4);
  put(&header[8], static_cast<std::uint32_t>(shape.size()), 4);
  for (std::size_t i = 0; i < shape.size(); ++i) put(&header[12 + 4 * i], static_cast<std::uint32_t>(shape[i]), 4);
  put(&header[44], static_cast<std::uint32_t>(8 * item_size(dtype)), 4);
  put(&header[48], item_code(dtype), 2);
  return header;
}

void write_tensor(const TensorData& tensor, std::string_view file, const ByteSink& sink) {
  const std::vector<std::byte> header = tensor_header(tensor.dtype(), tensor.shape(), file);
  sink(header.data(), header.size());
  std::uint64_t written = 0;
  tensor.stream([&](const void* bytes, std::size_t count) {
    written += count;
    sink(bytes, count);
  });
  if (written != tensor.byte_size()) {
    fail(file,
         "the tensor gave " + std::to_string(written) + " bytes instead of " + std::to_string(tensor.byte_size()));
  }
}

std::vector<std::byte> tensor_header(DType dtype, const std::vector<std::int64_t>& shape) {
  return tensor_header(dtype, shape, "tensor file");
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
  const std::uint32_t bits = get(bytes + 44, 4);
  const std::uint32_t code = get(bytes + 48, 2);
  const std::uint32_t vendor = get(bytes + 50, 2);
  if (vendor != 0) fail(file, "the tensor holds " + vendor_type_name(vendor, code));
  const auto type = std::find_if(kItemTypes.begin(), kItemTypes.end(),
                                 [&](const ItemType& t) { return t.code == code && t.bits == bits; });
  if (type == kItemTypes.end()) {
    fail(file, "unknown item type " + std::to_string(code) + " of " + std::to_string(bits) + " bits");
  }
  header.dtype = type->dtype;
  header.packed_bits = bits == 1;
  const std::uint64_t wanted = header.packed_bits ? (items + 7) / 8 : items * item_size(header.dtype);
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
  if (header.packed_bits) {  // the first item is the most significant bit
    items.reserve(header.items);
    for (std::uint64_t i = 0; i < header.items; ++i) items.push_back((begin[i / 8] >> (7 - i % 8)) & std::byte{1});
  } else {
    items.assign(begin, begin + header.data_size);
    if (header.dtype == DType::kBool) {
      for (std::byte& item : items) item = item == std::byte{0} ? std::byte{0} : std::byte{1};
    }
  }
  return std::make_shared<OwnedTensor>(header.dtype, header.shape, std::move(items));
}

}  // namespace nnef
