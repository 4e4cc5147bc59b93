#include <gtest/gtest.h>

#include <fstream>

#include "sample_graph.h"

namespace nnef {
namespace {

std::vector<std::byte> bytes_of(const TensorData& tensor) {
  std::vector<std::byte> bytes;
  tensor.stream([&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string text = "\x93NUMPY";
  text += {version, '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  if (version > 1) text += std::string(2, '\0');
  return text + header + data;
}

class Npy : public testing::Test {
 protected:
  TensorDataPtr read(const std::string& bytes) {
    std::ofstream(folder_ / "a.npy", std::ios::binary) << bytes;
    return read_npy(folder_ / "a.npy");
  }
  std::string error_of(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const FormatError& error) {
      const std::string message = error.what();
      return message.substr(message.find("a.npy: ") + 7);
    }
    return "";
  }
  TemporaryFolder folder_;
};

TEST_F(Npy, ReadsHeadersAsNumpyWritesThem) {
  const TensorDataPtr a =
      read(npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }     \n", std::string(12, '\1')));
  EXPECT_EQ(a->dtype(), DType::kI16);
  EXPECT_EQ(a->shape(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read(npy("{'shape': (), 'fortran_order': False, 'descr': '<f8'}", std::string(8, '\0'), 2))->numel(), 1);
  EXPECT_EQ(read(npy("{\"descr\": \"|u1\", \"shape\": (4L,), \"fortran_order\": True}", "abcd", 3))->numel(), 4);
  EXPECT_EQ(read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", ""))->numel(), 0);
}

TEST_F(Npy, FortranOrderBecomesRowMajor) {
  const TensorDataPtr a = read(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }", "abcdefghijkl"));
  const std::vector<std::byte> bytes = bytes_of(*a);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "agciekbhdjfl");
}

TEST_F(Npy, RefusesByName) {
  const auto type = [&](const std::string& descr) {
    return error_of(npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (1,), }", std::string(16, '\0')));
  };
  EXPECT_EQ(type(">f4"), "holds big-endian items ('>f4')");
  EXPECT_EQ(type("<c8"), "holds complex numbers ('<c8')");
  EXPECT_EQ(type("<U3"), "holds strings ('<U3')");
  EXPECT_EQ(type("|O"), "holds Python objects ('|O')");
  EXPECT_EQ(type("|V2"), "holds items without a numpy type, such as bfloat16 ('|V2')");
  EXPECT_EQ(type("<M8[s]"), "holds dates ('<M8[s]')");
  EXPECT_EQ(type("<f16"), "holds items of an unknown type ('<f16')");
  EXPECT_EQ(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "")),
            "holds records of several fields");
}

TEST_F(Npy, RefusesDamage) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  const std::string good = npy(header, std::string(8, '\0'));
  EXPECT_EQ(error_of(good), "");
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_NE(error_of(good.substr(0, size)), "") << size;
  EXPECT_EQ(error_of(good + "x"), "there is more data than the shape needs");
  EXPECT_EQ(error_of("PK"), "not a npy file");
  EXPECT_EQ(error_of(npy(header, "", 4)), "npy version 4 is unknown");
  const auto shape = [&](const std::string& text) {
    return error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + text + ", }", "12345678"));
  };
  EXPECT_EQ(shape("(100000000000,)"), "the data ends too early");
  EXPECT_EQ(shape("(100000000000, 100000000000)"), "the shape [100000000000,100000000000] is too large");
  EXPECT_NE(shape("(99999999999999999999,)"), "");
  EXPECT_NE(shape("(-1,)"), "");
  EXPECT_NE(shape("(2"), "");
  EXPECT_NE(shape("2"), "");
  EXPECT_NE(error_of(npy("{'descr': '<f4', 'shape': (2,), }", "12345678")), "");
  EXPECT_NE(error_of(npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", "12345678")), "");
}

TEST(Npz, RoundTrips) {
  const TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = {
      {"x", ramp(DType::kF32, {2, 3})},   {"scalar", ramp(DType::kI64, {})},       {"none", ramp(DType::kF16, {0, 2})},
      {"in/side", ramp(DType::kU8, {7})}, {"big", ramp(DType::kF64, {300, 1001})}, {"row", ramp(DType::kU16, {3})},
  };
  write_npz(folder / "t.npz", tensors);
  const std::vector<NamedTensor> back = read_npz(folder / "t.npz");
  ASSERT_EQ(back.size(), tensors.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].name, tensors[i].name);
    EXPECT_EQ(back[i].data->dtype(), tensors[i].data->dtype());
    EXPECT_EQ(back[i].data->shape(), tensors[i].data->shape());
    EXPECT_TRUE(bytes_of(*back[i].data) == bytes_of(*tensors[i].data)) << back[i].name;
  }
  EXPECT_EQ(folder.count(), 1);
}

TEST(Npz, ErrorsNameFileAndEntry) {
  const TemporaryFolder folder;
  EXPECT_THROW(read_npz(folder / "absent.npz"), IoError);
  EXPECT_THROW(read_npz(folder / "."), IoError);
  std::ofstream(folder / "text.npz") << "no zip file";
  EXPECT_THROW(read_npz(folder / "text.npz"), FormatError);
  write_npz(folder / "t.npz", {{"x", ramp(DType::kF32, {2, 3})}, {"y", ramp(DType::kF32, {2, 3})}});
  std::ifstream file(folder / "t.npz", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  bytes.replace(bytes.rfind("'<f4'", bytes.rfind("NUMPY") + 60), 5, "'<c8'");
  std::ofstream(folder / "t.npz", std::ios::binary) << bytes;
  try {
    read_npz(folder / "t.npz");
    ADD_FAILURE() << "complex numbers were accepted";
  } catch (const FormatError& error) {
    EXPECT_EQ(std::string(error.what()),
              (folder / "t.npz").string() + ": entry 'y.npy': holds complex numbers ('<c8')");
  }
}

}  // namespace
}  // namespace nnef
