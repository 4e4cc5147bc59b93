// Files that are read as memory, and pages that are given back to the system.
#include "nnef/archive/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "nnef/io.h"

namespace {

namespace fs = std::filesystem;

class MappedFileTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 1 << 20;

  MappedFileTest() : path_(fs::temp_directory_path() / ("mapped_file_" + std::to_string(::getpid()))) {
    std::string bytes(kSize, '\0');
    for (std::size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
    std::ofstream(path_, std::ios::binary) << bytes;
    contents_ = bytes;
  }
  ~MappedFileTest() override { fs::remove(path_); }

  std::string contents_;
  fs::path path_;
};

TEST_F(MappedFileTest, HasTheBytesAfterTheyAreReleased) {
  const nnef::MappedFile file(path_);
  ASSERT_EQ(file.size(), kSize);
  EXPECT_TRUE(std::equal(contents_.begin(), contents_.end(), file.begin()));
  nnef::MappedFile::release(file.begin() + 100, kSize - 200);
  EXPECT_TRUE(std::equal(contents_.begin(), contents_.end(), file.begin()));
}

TEST_F(MappedFileTest, KeepsWhatWasWrittenThere) {
  const nnef::MappedFile file(path_);
  file.begin()[5000] = 'x';
  nnef::MappedFile::release(file.begin(), kSize);
  EXPECT_EQ(file.begin()[5000], 'x');
  const nnef::MappedFile again(path_);
  EXPECT_EQ(again.begin()[5000], contents_[5000]) << "the file is as it was";
}

TEST_F(MappedFileTest, LeavesOtherMemoryAlone) {
  const nnef::MappedFile file(path_);
  std::vector<char> own(kSize, 'a');
  nnef::MappedFile::release(own.data(), own.size());
  nnef::MappedFile::release(file.begin() + kSize - 10, 4096);  // beyond the end
  EXPECT_EQ(std::count(own.begin(), own.end(), 'a'), static_cast<std::ptrdiff_t>(kSize));
  EXPECT_EQ(file.begin()[kSize - 1], contents_[kSize - 1]);
}

TEST(MappedFile, SaysWhichFileIsNotThere) {
  try {
    nnef::MappedFile("/not/there.pt2");
    FAIL() << "it was opened";
  } catch (const nnef::IoError& error) {
    EXPECT_NE(std::string(error.what()).find("/not/there.pt2"), std::string::npos);
  }
}

}  // namespace
