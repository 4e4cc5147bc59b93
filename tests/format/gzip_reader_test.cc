// What a gzip stream may look like: plain, of several members, with something behind it, with blocks of any alignment.
#include "nnef/archive/gzip_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "nnef/archive/gzip_writer.h"
#include "nnef/io.h"

namespace nnef {
namespace {

std::string packed(const std::string& text, int level) {
  std::string bytes;
  GzipWriter writer(level,
                    [&](const void* part, std::size_t count) { bytes.append(static_cast<const char*>(part), count); });
  writer.write(text.data(), text.size());
  writer.finish();
  return bytes;
}

std::string unpacked(const std::string& bytes, std::size_t step) {
  const auto path = std::filesystem::temp_directory_path() / ("gzip_reader_test." + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary) << bytes;
  GzipReader reader(path);
  std::filesystem::remove(path);
  std::string text, part(step, ' ');
  for (std::size_t got = step; got == step;) {
    got = reader.read(part.data(), step);
    text.append(part, 0, got);
  }
  return text;
}

std::string sample(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; text.size() < count; ++i) text += std::to_string(i * i) + "\n";
  return text;
}

TEST(GzipReader, ReadsPlainAndPackedFilesInAnySteps) {
  const std::string text = sample(700000);
  for (const std::size_t step : {std::size_t{999}, std::size_t{1} << 18, std::size_t{1} << 20}) {
    EXPECT_EQ(unpacked(text, step), text);
    for (const int level : {0, 6}) EXPECT_EQ(unpacked(packed(text, level), step), text) << level;
  }
  EXPECT_EQ(unpacked("", 10), "");
  EXPECT_EQ(unpacked("x", 10), "x");
}

TEST(GzipReader, ReadsMembersOneAfterAnotherAndPassesOverWhatIsNone) {
  // Lengths about that of a block of the file, so that a trailer or a header is cut by its end.
  for (std::size_t length = (std::size_t{1} << 18) - 60; length < std::size_t{1} << 18; ++length) {
    const std::string first = sample(length), both = packed(first, 0) + packed("second", 6);
    ASSERT_EQ(unpacked(both, 5000), first + "second") << length;
    ASSERT_EQ(unpacked(both + "\x1fgarbage", 5000), first + "second") << length;
  }
}

TEST(GzipReader, FindsDamage) {
  const std::string whole = packed(sample(100000), 0);
  for (const std::size_t from_end : {1, 5, 100}) {  // the length, the sum, the data
    std::string damaged = whole;
    damaged[whole.size() - from_end] ^= 1;
    EXPECT_THROW(unpacked(damaged, 5000), FormatError) << from_end;
    EXPECT_THROW(unpacked(whole.substr(0, whole.size() - from_end), 5000), FormatError) << from_end;
  }
}

}  // namespace
}  // namespace nnef
