// Archives, texts and tensor files that were damaged or made to do harm: an error each time, never anything else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "nnef/inspect/check.h"
#include "nnef/text/syntax.h"
#include "sample_graph.h"

namespace nnef {
namespace {

namespace fs = std::filesystem;

// A file in memory that has a path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("damaged", MFD_CLOEXEC)) {}
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  fs::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void put(const std::string& bytes) const {
    const bool whole = ftruncate(descriptor_, 0) == 0 &&
                       pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    if (!whole) throw std::runtime_error("no memory");
  }

 private:
  int descriptor_;
};

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Graph small_graph() {
  Graph graph = sample_graph();
  graph.quant["y"] = {"linear_quantize", {{"bits", 8}, {"max", 1.0}, {"min", -1.0}}};
  return graph;
}

std::string archive_bytes(const char* name, int compression) {
  const TemporaryFolder folder;
  WriteOptions options;
  options.compression = compression;
  write_archive(small_graph(), tract_dialect(), folder / name, options);
  return contents(folder / name);
}

// What reading it says, "" for nothing. Anything but the errors of this library passes through and fails the test.
std::string reading(const MemoryFile& file, const std::string& bytes, const ReadLimits& limits = {}) {
  file.put(bytes);
  std::string message;
  try {
    read_archive(file.path(), tract_dialect(), limits);
  } catch (const FormatError& error) {
    message = error.what();
  } catch (const SyntaxError& error) {
    message = error.what();
  }
  const bool is_valid = check_archive(file.path(), tract_dialect(), limits).is_valid();
  EXPECT_TRUE(message.empty() || !is_valid) << message;
  return message;
}

TEST(Damage, EveryTruncationOfAnArchiveIsAnError) {
  const MemoryFile file;
  for (const auto& [name, compression] : {std::pair{"m.tar", 0}, {"m.tgz", 0}, {"m.tgz", 9}}) {
    const std::string whole = archive_bytes(name, compression);
    ASSERT_EQ(reading(file, whole), "");
    // Behind the last entry a tar file has only its two empty blocks, of which readers can do without.
    const std::size_t end = name == std::string("m.tar") ? whole.find_last_not_of('\0') + 1 : whole.size();
    for (std::size_t size = 0; size < end; ++size) {
      const std::string message = reading(file, whole.substr(0, size));
      EXPECT_NE(message, "") << name << " " << size;
      EXPECT_NE(message.find(file.path().string()), std::string::npos) << message;
    }
  }
}

TEST(Damage, EveryFlippedByteOfAnArchiveIsReadOrRefused) {
  const MemoryFile file;
  for (const auto& [name, compression] : {std::pair{"m.tar", 0}, {"m.tgz", 0}, {"m.tgz", 9}}) {
    const std::string whole = archive_bytes(name, compression);
    int refused = 0, total = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int bits : {0xff, 0x01}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ bits);
        refused += reading(file, damaged).empty() ? 0 : 1;
        ++total;
      }
    }
    // The sum at the end of a gzipped file tells of all but its unused header fields; a tar file has none over its
    // data.
    if (name == std::string("m.tgz")) {
      EXPECT_GT(refused, total - 20);
    } else {
      EXPECT_GT(refused, total / 20);
    }
  }
}

TEST(Damage, EveryDamagedTensorFileIsReadOrRefused) {
  std::string whole;
  write_tensor(*ramp(DType::kF32, {2, 3}),
               [&](const void* bytes, std::size_t count) { whole.append(static_cast<const char*>(bytes), count); });
  const auto is_read = [](const std::string& bytes) {
    try {
      read_tensor(bytes.data(), bytes.size(), "w.dat");
      return true;
    } catch (const FormatError&) {
      return false;
    }
  };
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(is_read(whole.substr(0, size))) << size;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      const bool is_harmless = is_read(damaged);
      if (at < 3 && damaged != whole) {
        EXPECT_FALSE(is_harmless) << at;
      }
      if (at >= 128) {
        EXPECT_TRUE(is_harmless);
      }
    }
  }
}

TEST(Damage, EveryDamagedTextIsReadOrRefusedWithItsPlace) {
  const Graph graph = small_graph();
  const std::string whole = write_text(graph, tract_dialect());
  const auto error_of = [&](const std::string& text) -> std::string {
    try {
      read_text(text, "", "g.nnef", tract_dialect(), graph.variables);
    } catch (const SyntaxError& error) {
      return error.what();
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  ASSERT_EQ(error_of(whole), "");
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_TRUE(error_of(whole.substr(0, size)).starts_with("g.nnef:")) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bits : {0xff, 0x01, 0x20}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ bits);
      const std::string message = error_of(damaged);
      EXPECT_TRUE(message.empty() || message.starts_with("g.nnef:")) << message;
    }
  }
}

TEST(Damage, DefinitionsInACircleEnd) {
  const auto error_of = [](const std::string& fragments, const std::string& statement) -> std::string {
    try {
      read_text("version 1.0; extension tract_registry tract_core;\n" + fragments +
                    "graph g(x) -> (y) { x = external(shape = [2, 3]); " + statement + " }",
                "", "g.nnef", tract_dialect(), {});
    } catch (const SyntaxError& error) {
      return error.message();
    }
    return "";
  };
  const std::string circle =
      "fragment f(a: tensor<scalar>) -> (b: tensor<scalar>) { b = g(a); }\n"
      "fragment g(a: tensor<scalar>) -> (b: tensor<scalar>) { b = h(a); }\n"
      "fragment h(a: tensor<scalar>) -> (b: tensor<scalar>) { b = f(a); }\n";
  EXPECT_EQ(error_of(circle, "y = f(x);"), "fragment 'f' contains itself");
  const std::string scan =
      "fragment f(a: tensor<scalar>) -> (b: tensor<scalar>) { b = tract_core_scan(body = 'f', scan = [('a', a, 0, 1)], "
      "full = [], state = [], output = [('b', 'full', 0, 1)]); }\n";
  EXPECT_EQ(error_of(scan,
                     "y = tract_core_scan(body = 'f', scan = [('a', x, 0, 1)], full = [], state = [], output = "
                     "[('b', 'full', 0, 1)]);"),
            "fragment 'f' contains itself");
  EXPECT_EQ(error_of("", "y = exp(y);"), "'y' is not defined");
  // A chain that is long but no circle.
  std::string chain = "fragment f0(a: tensor<scalar>) -> (b: tensor<scalar>) { b = exp(a); }\n";
  for (int i = 1; i < 100; ++i) {
    chain += "fragment f" + std::to_string(i) + "(a: tensor<scalar>) -> (b: tensor<scalar>) { b = f" +
             std::to_string(i - 1) + "(a); }\n";
  }
  EXPECT_EQ(error_of(chain, "y = f60(x);"), "");
  EXPECT_EQ(error_of(chain, "y = f99(x);"), "fragments are nested too deeply");
}

// Sizes that a header claims are believed only as far as data follow.
TEST(Damage, ClaimedSizesTakeNoMemory) {
  std::string bytes(128, '\0');
  bytes.replace(0, 4, std::string("\x4e\xef\x01\x00", 4));
  bytes.replace(4, 4, "\xfc\xff\xff\xff");  // 4 GiB of data
  bytes.replace(8, 4, std::string("\x01\0\0\0", 4));
  bytes.replace(12, 4, "\xff\xff\xff\x3f");
  bytes.replace(44, 4, std::string("\x20\0\0\0", 4));
  EXPECT_THROW(read_tensor(bytes.data(), bytes.size(), "w.dat"), FormatError);
}

TEST(Damage, GzipBombsEndAtTheLimit) {
  const TemporaryFolder folder;
  Graph graph = sample_graph();
  graph.variables["zeros"] =
      std::make_shared<OwnedTensor>(DType::kU8, std::vector<std::int64_t>{64 << 20}, std::vector<std::byte>(64 << 20));
  WriteOptions options;
  options.compression = 9;
  EXPECT_LT(write_archive(graph, tract_dialect(), folder / "bomb.tgz", options).bytes, 1u << 20);
  const ReadLimits limits{1 << 20};
  for (const auto& read :
       {std::function<void()>([&] { read_files(folder / "bomb.tgz", limits); }),
        std::function<void()>([&] { read_archive(folder / "bomb.tgz", tract_dialect(), limits); })}) {
    try {
      read();
      ADD_FAILURE();
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("holds more than 1048576 bytes"), std::string::npos) << error.what();
    }
  }
  const CheckedArchive checked = check_archive(folder / "bomb.tgz", tract_dialect(), limits);
  ASSERT_EQ(checked.findings.size(), 1u);
  EXPECT_EQ(checked.findings[0].text, "the archive holds more than 1048576 bytes");
}

TEST(Damage, FoldersWithLinksAndPipesAreRefused) {
  const TemporaryFolder folder;
  write_archive(sample_graph(), tract_dialect(), folder / "m");
  const auto error_of = [&] {
    try {
      read_archive(folder / "m", tract_dialect());
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of(), "");
  ASSERT_EQ(mkfifo((folder / "m/pipe.dat").c_str(), 0600), 0);
  EXPECT_NE(error_of().find("is a link or a device"), std::string::npos);
  fs::remove(folder / "m/pipe.dat");
  fs::create_symlink("/dev/zero", folder / "m/zero.dat");
  EXPECT_NE(error_of().find("is a link or a device"), std::string::npos);
  fs::remove(folder / "m/zero.dat");
  fs::create_directory_symlink("..", folder / "m/up");  // a circle of folders
  EXPECT_NE(error_of().find("is a link or a device"), std::string::npos);
  fs::remove(folder / "m/up");
  EXPECT_EQ(error_of(), "");
  EXPECT_THROW(read_archive("/dev/zero", tract_dialect()), IoError);
}

}  // namespace
}  // namespace nnef
