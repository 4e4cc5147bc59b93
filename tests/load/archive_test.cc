// Model files that are damaged somewhere: refused, unless it is where the model does not need it.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "export/load/model_archive.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Archive : public testing::Test {
 protected:
  Archive() {
    std::string name = fs::temp_directory_path() / "load-test-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~Archive() override { fs::remove_all(folder_); }

  std::string error_of(const std::string& bytes) {
    const fs::path file = folder_ / "m.pt";
    std::ofstream(file, std::ios::binary) << bytes;
    try {
      ModelArchive(file).check();
    } catch (const nnef::FormatError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
  const std::string good_ = bytes_of(fs::path(MODELS) / "digits.pt");
};

TEST_F(Archive, IsWholeAsItIs) { EXPECT_EQ(error_of(good_), ""); }

TEST_F(Archive, IsRefusedWhereItIsCut) {
  for (std::size_t part = 0; part < 40; ++part)
    EXPECT_NE(error_of(good_.substr(0, good_.size() * part / 40)), "") << part;
  EXPECT_NE(error_of(good_ + "x"), "");
}

// Every bit of a record counts, its padding does not.
TEST_F(Archive, IsRefusedWhereAWeightIsDamaged) {
  const nnef::ZipReader zip{std::string_view(good_)};
  int tried = 0;
  for (const nnef::ZipEntry& entry : zip.entries()) {
    if (entry.name.find("/data/") == std::string::npos || entry.size == 0) continue;
    std::string bad = good_;
    bad[entry.data + entry.size / 2] ^= 0x10;
    EXPECT_NE(error_of(bad).find("damaged"), std::string::npos) << entry.name;
    ++tried;
  }
  EXPECT_GT(tried, 3);
}

TEST_F(Archive, GoesWithoutADamagedDebugRecord) {
  const nnef::ZipReader zip{std::string_view(good_)};
  for (const nnef::ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(".debug_pkl")) continue;
    std::string bad = good_;
    bad[entry.data] ^= 0x10;
    EXPECT_EQ(error_of(bad), "");
    ModelArchive archive(folder_ / "m.pt");
    archive.check();
    std::string name(entry.name.size(), ' ');
    archive.read_at(entry.name_at, name.data(), name.size());
    EXPECT_EQ(name, entry.name.substr(0, entry.name.size() - 1) + "~");
    return;
  }
  GTEST_SKIP() << "the model has no debug record";
}

// The directory is read by others as well: it must not be possible to read it in two ways.
TEST_F(Archive, IsRefusedWhereItsDirectoryIsDamaged) {
  const std::size_t directory = good_.find("PK\x01\x02");
  ASSERT_NE(directory, std::string::npos);
  const auto with = [&](std::size_t at, char value) {
    std::string bad = good_;
    bad[directory + at] = value;
    return error_of(bad);
  };
  EXPECT_NE(with(0, 'Q'), "");
  EXPECT_NE(with(8, 1).find("encrypted"), std::string::npos);
  EXPECT_NE(with(10, 9).find("compressed in a way"), std::string::npos);
  EXPECT_NE(with(21, '\x7f'), "") << "a stored size";
  EXPECT_NE(with(24, '\x7f'), "") << "a size";
  EXPECT_NE(with(28, 0), "") << "no name";
  EXPECT_NE(with(45, '\x7f'), "") << "an offset";
  EXPECT_NE(with(46, '#').find("says other than the directory"), std::string::npos);
}

}  // namespace
}  // namespace torch2nnef
