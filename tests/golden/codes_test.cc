// Codes of messages: each that the sources use stands in codes.def, each of codes.def is used, and none that was ever
// given (codes.txt) is gone.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace {

namespace fs = std::filesystem;

const fs::path kSource = SOURCE_FOLDER;

std::set<std::string> codes_in(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  static const std::regex pattern("T2N-[A-Z][0-9]{3}");
  std::set<std::string> codes;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) codes.insert(at->str());
  return codes;
}

std::set<std::string> used_codes() {
  std::set<std::string> used;
  for (const char* folder : {"src", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
      if (entry.path().extension() == ".cc") used.merge(codes_in(entry.path()));
    }
  }
  return used;
}

std::set<std::string> without(const std::set<std::string>& all, const std::set<std::string>& some) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::inserter(rest, rest.end()));
  return rest;
}

const std::set<std::string> kNone;

}  // namespace

TEST(Codes, OfTheSourcesAreInTheTable) {
  EXPECT_EQ(without(used_codes(), codes_in(kSource / "src/export/codes.def")), kNone);
}

TEST(Codes, OfTheTableAreUsed) { EXPECT_EQ(without(codes_in(kSource / "src/export/codes.def"), used_codes()), kNone); }

TEST(Codes, AreNeverRemoved) {
  const std::set<std::string> given = codes_in(kSource / "tests/golden/codes.txt");
  ASSERT_FALSE(given.empty());
  EXPECT_EQ(without(given, codes_in(kSource / "src/export/codes.def")), kNone);
}

TEST(Codes, NewOnesAreWrittenDown) {
  EXPECT_EQ(without(codes_in(kSource / "src/export/codes.def"), codes_in(kSource / "tests/golden/codes.txt")), kNone);
}
