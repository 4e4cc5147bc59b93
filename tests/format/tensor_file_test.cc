#include <gtest/gtest.h>

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
  const auto wanted = vector_tensor(DType::kBool, {1, 0, 1, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_EQ(bytes_of(*tensor), bytes_of(*wanted));
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
  EXPECT_EQ(change(44, {8}), "w.dat: unknown item type 0 of 8 bits");
  EXPECT_EQ(change(48, {0x40, 0x30, 0x52, 0x54}),
            "w.dat: the tensor holds Q4_0 blocks in GGML order (a type of tract)");
  EXPECT_EQ(change(48, {0, 0x10, 0x52, 0x54}), "w.dat: the tensor holds strings (a type of tract)");
  EXPECT_EQ(change(50, {1}), "w.dat: the tensor holds items of vendor 1");
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
