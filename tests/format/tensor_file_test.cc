#include <gtest/gtest.h>

#include "nnef/archive/item_type.h"
#include "sample_graph.h"

namespace nnef {
namespace {

std::vector<std::byte> bytes_of(const TensorData& tensor) {
  std::vector<std::byte> bytes;
  write_tensor(tensor, [&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

std::vector<std::byte> items_of(const TensorData& tensor) {
  std::vector<std::byte> bytes;
  tensor.stream([&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

std::string error_of(const std::vector<std::byte>& bytes) {
  try {
    read_tensor(bytes.data(), bytes.size(), "w.dat");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

TEST(TensorFile, HeaderIsAsSpecified) {
  const std::vector<std::byte> header = tensor_header(DType::kI16, {2, 3});
  std::vector<std::byte> expected(128);
  const std::pair<int, int> kFields[] = {{0, 0x4e}, {1, 0xef}, {2, 1},   {4, 12}, {8, 2},
                                         {12, 2},   {16, 3},   {44, 16}, {48, 4}};
  for (const auto& [at, value] : kFields) expected[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
  EXPECT_EQ(header, expected);
}

TEST(TensorFile, EveryTypeAndRankRoundTrips) {
  const DType kTypes[] = {DType::kBool, DType::kU8,  DType::kU16, DType::kU32, DType::kU64, DType::kI8,
                          DType::kI16,  DType::kI32, DType::kI64, DType::kF16, DType::kF32, DType::kF64};
  const std::vector<std::int64_t> kShapes[] = {{}, {5}, {2, 0, 3}, {1, 2, 1, 2, 1, 2, 1, 2}};
  for (DType dtype : kTypes) {
    for (const auto& shape : kShapes) {
      std::vector<std::byte> bytes = bytes_of(*ramp(dtype, shape));
      if (dtype == DType::kBool) {
        for (std::size_t i = 128; i < bytes.size(); ++i) bytes[i] &= std::byte{1};
      }
      const TensorDataPtr back = read_tensor(bytes.data(), bytes.size(), "w.dat");
      EXPECT_EQ(back->dtype(), dtype);
      EXPECT_EQ(back->shape(), shape);
      EXPECT_EQ(bytes_of(*back), bytes) << to_string(dtype);
    }
  }
}

TEST(TensorFile, ReadsOtherEncodings) {
  std::vector<std::byte> bytes = bytes_of(*ramp(DType::kI32, {3}));
  bytes[48] = std::byte{3};
  EXPECT_EQ(read_tensor(bytes.data(), bytes.size(), "w")->dtype(), DType::kI32);
  bytes[48] = std::byte{2};
  EXPECT_EQ(read_tensor(bytes.data(), bytes.size(), "w")->dtype(), DType::kU32);
  std::vector<std::byte> bits = tensor_header(DType::kBool, {10});
  bits[4] = std::byte{2};
  bits[44] = std::byte{1};
  bits.insert(bits.end(), {std::byte{0b10100000}, std::byte{0b01000000}});
  const TensorDataPtr tensor = read_tensor(bits.data(), bits.size(), "w");
  EXPECT_EQ(items_of(*tensor), items_of(*vector_tensor(DType::kBool, {1, 0, 1, 0, 0, 0, 0, 0, 0, 1})));
  EXPECT_EQ(bytes_of(*tensor), bits);
}

TEST(TensorFile, ReadsTheCodesOfOlderWriters) {
  const std::vector<std::byte> good = bytes_of(*ramp(DType::kI16, {3}));
  const auto type_of = [&](int code, int high, int parameter) {
    std::vector<std::byte> bytes = good;
    bytes[48] = static_cast<std::byte>(code);
    bytes[49] = static_cast<std::byte>(high);
    bytes[52] = static_cast<std::byte>(parameter);
    return item_type_of(*read_tensor(bytes.data(), bytes.size(), "w")).code;
  };
  EXPECT_EQ(type_of(1, 0, 0), 1);
  EXPECT_EQ(type_of(1, 0, 1), 4);
  EXPECT_EQ(type_of(0x10, 0, 0), 2);
  EXPECT_EQ(type_of(0x11, 0, 0), 3);
  EXPECT_EQ(type_of(0, 1, 0), 4);
  EXPECT_EQ(type_of(1, 1, 0), 5);
}

// Every code at every width: refused, or the same bytes when it is written again.
TEST(TensorFile, EveryWidthRoundTrips) {
  for (std::uint16_t code = 0; code < 8; ++code) {
    for (std::uint32_t bits = 0; bits <= 70; ++bits) {
      std::vector<std::byte> bytes = tensor_header(DType::kU8, {13});
      const std::uint32_t size = (13 * bits + 7) / 8;
      bytes[4] = static_cast<std::byte>(size);
      bytes[44] = static_cast<std::byte>(bits);
      bytes[48] = static_cast<std::byte>(code);
      for (std::uint32_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>((i + 1) * 0x9d));
      if (13 * bits % 8 != 0) bytes.back() &= std::byte{0xff} << (8 - static_cast<int>(13 * bits % 8));
      const bool is_float = code == 0 && (bits == 16 || bits == 32 || bits == 64);
      const bool is_integer = code >= 1 && code <= 4 && bits >= 1 && bits <= 64;
      const bool is_logical = code == 5 && bits >= 1 && bits <= 64;
      if (!is_float && !is_integer && !is_logical) {
        EXPECT_NE(error_of(bytes), "") << code << " " << bits;
        continue;
      }
      const TensorDataPtr tensor = read_tensor(bytes.data(), bytes.size(), "w");
      EXPECT_EQ(item_type_of(*tensor), (ItemType{code, 0, bits}));
      if (!is_logical || bits == 1) {  // of wider logicals only the truth is kept
        EXPECT_EQ(bytes_of(*tensor), bytes) << code << " " << bits;
      }
    }
  }
}

TEST(TensorFile, OddWidthsAreIntegersOfTheNextWidth) {
  const auto read = [](std::uint16_t code, std::uint32_t bits, std::int64_t items, std::vector<int> data) {
    std::vector<std::byte> bytes = tensor_header(DType::kU8, {items});
    bytes[4] = static_cast<std::byte>(data.size());
    bytes[44] = static_cast<std::byte>(bits);
    bytes[48] = static_cast<std::byte>(code);
    for (int byte : data) bytes.push_back(static_cast<std::byte>(byte));
    const TensorDataPtr tensor = read_tensor(bytes.data(), bytes.size(), "w");
    return std::pair(tensor->dtype(), items_of(*tensor));
  };
  const auto is = [](DType dtype, const std::vector<std::int64_t>& values) {
    return std::pair(dtype, items_of(*vector_tensor(dtype, values)));
  };
  EXPECT_EQ(read(1, 4, 3, {0x1f, 0x80}), is(DType::kU8, {1, 15, 8}));
  EXPECT_EQ(read(4, 4, 3, {0x1f, 0x80}), is(DType::kI8, {1, -1, -8}));
  EXPECT_EQ(read(3, 2, 4, {0b00011011}), is(DType::kI8, {0, 1, -2, -1}));
  EXPECT_EQ(read(4, 12, 2, {0x7f, 0xf8, 0x00}), is(DType::kI16, {2047, -2048}));
  EXPECT_EQ(read(4, 24, 2, {1, 0, 0, 0xff, 0xff, 0xff}), is(DType::kI32, {1, -1}));
  EXPECT_EQ(read(5, 8, 3, {0, 1, 200}), is(DType::kBool, {0, 1, 1}));
}

TEST(TensorFile, RefusesItemsThatDoNotFitTheirWidth) {
  const StoredTensor tensor({4, 0, 4}, {2}, {std::byte{7}, std::byte{8}});
  EXPECT_EQ(tensor.dtype(), DType::kI8);
  EXPECT_THROW(bytes_of(tensor), FormatError);
  EXPECT_THROW(StoredTensor({4, 0, 32}, {2}, std::vector<std::byte>(4)), std::invalid_argument);
  EXPECT_THROW(StoredTensor({0, 0, 8}, {4}, std::vector<std::byte>(4)), std::invalid_argument);
}

TEST(TensorFile, BlocksArePassedThrough) {
  for (const auto& [code, block] : {std::pair{0x2040, 18}, {0x3040, 18}, {0x3080, 36}, {0x3081, 36}}) {
    std::vector<std::byte> bytes = tensor_header(DType::kU8, {2, 64});
    const std::vector<int> fields = {code & 255, code >> 8, 0x52, 0x54};
    for (std::size_t i = 0; i < 4; ++i) bytes[48 + i] = static_cast<std::byte>(fields[i]);
    for (std::size_t i = 44; i < 48; ++i) bytes[i] = std::byte{0xff};
    bytes[4] = static_cast<std::byte>(4 * block);
    for (int i = 0; i < 4 * block; ++i) bytes.push_back(static_cast<std::byte>(i));
    const TensorDataPtr tensor = read_tensor(bytes.data(), bytes.size(), "w");
    EXPECT_EQ(tensor->dtype(), DType::kF32);
    EXPECT_EQ(bytes_of(*tensor), bytes);
    bytes.pop_back();
    EXPECT_NE(error_of(bytes), "");
  }
}

TEST(TensorFile, RefusesWhatItCannotRead) {
  const std::vector<std::byte> good = bytes_of(*ramp(DType::kF32, {2, 3}));
  const auto change = [&](std::size_t at, std::initializer_list<int> values) {
    std::vector<std::byte> bytes = good;
    for (int value : values) bytes[at++] = static_cast<std::byte>(value);
    return error_of(bytes);
  };
  EXPECT_EQ(error_of(good), "");
  EXPECT_EQ(change(0, {0}), "w.dat: not a tensor file (wrong first two bytes)");
  EXPECT_EQ(change(2, {2}), "w.dat: tensor file of version 2, only 1 is known");
  EXPECT_EQ(change(8, {9}), "w.dat: the tensor has rank 9, the most is 8");
  EXPECT_EQ(change(4, {23}), "w.dat: the header says 23 bytes of data, its extents [2,3] need 24");
  EXPECT_EQ(change(12, {255, 255, 255, 255, 255, 255, 255, 255}),
            "w.dat: the extents [4294967295,4294967295] are too large");
  EXPECT_EQ(change(44, {8}), "w.dat: the tensor holds 8-bit floats, which cannot be read");
  EXPECT_EQ(change(48, {0x40, 0x30, 0x52, 0x54}), "w.dat: the extents [2,3] are not whole blocks of 32 items");
  EXPECT_EQ(change(48, {0, 0x10, 0x52, 0x54}),
            "w.dat: the tensor holds strings (a type of tract), which cannot be read");
  EXPECT_EQ(change(50, {1}), "w.dat: the tensor holds items of vendor 1, which cannot be read");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(error_of({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), "");
  }
  std::vector<std::byte> longer = good;
  longer.push_back(std::byte{0});
  EXPECT_NE(error_of(longer), "");
}

TEST(TensorFile, RefusesWhatTheFormatCannotHold) {
  EXPECT_THROW(tensor_header(DType::kF32, {262144, 4096}), FormatError);
  EXPECT_NO_THROW(tensor_header(DType::kU8, {4294967295}));
  EXPECT_THROW(tensor_header(DType::kU8, {4294967296}), FormatError);
  EXPECT_THROW(tensor_header(DType::kU8, {1 << 30, 1 << 30, 1 << 30, 1 << 30}), FormatError);
  EXPECT_THROW(tensor_header(DType::kU8, {1, 1, 1, 1, 1, 1, 1, 1, 1}), FormatError);
  EXPECT_THROW(tensor_header(DType::kU8, {-1}), FormatError);
}

}  // namespace
}  // namespace nnef
