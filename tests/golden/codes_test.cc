// Codes of messages: each that the sources use stands in codes.def, each of codes.def is used, shown as a page and by a
// golden, and none that was ever given (codes.txt) is gone.
//
//   codes_test --rebase    writes src/export/CODES.md instead
#include "export/report/codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace {

namespace fs = std::filesystem;
using torch2nnef::all_codes;

const fs::path kSource = SOURCE_FOLDER;
const fs::path kPage = kSource / "src/export/CODES.md";

// Codes that no command line brings about, each with the reason. What the reason names is looked at by another test.
const std::map<std::string, std::string> kNotProvoked = {
    {"T2N-C004", "needs a defect of a lowering, the writer or the reader (mutation_test)"},
    {"T2N-C005", "needs an operator that the evaluator does not have (dialect_test holds it to have all)"},
    {"T2N-C006", "needs a defect of the evaluator: any that was known would be mended"},
    {"T2N-C007", "needs an operator whose results are not determined, and what is made of them is (ops_test)"},
    {"T2N-C008", "needs a report with the errors of calls on quantised tensors (ops_test)"},
    {"T2N-C011", "needs two files of inputs, one of which is wrong (record_test)"},
    {"T2N-C012", "needs --quantize on a model with a call that Replay cannot execute"},
    {"T2N-C013", "needs a wrong lowering (mutation_test)"},
    {"T2N-C014", "needs a kernel that saturates"},
    {"T2N-I001", "needs a lowering that is wrong about a shape: any that was known would be mended (lower_test)"},
    {"T2N-I002", "a lowering that throws what it should not: any that was known would be mended"},
    {"T2N-I003", "what nobody foresaw: any case that was known would be mended"},
    {"T2N-I004", "needs a defect of the writer, or a file that is changed between writing and reading back"},
    {"T2N-L006", "needs a complex input, for which --input has no dtype (lower_test)"},
    {"T2N-L015", "needs a stream whose delay tract states wrongly (streams)"},
    {"T2N-M001", "the command line finds out first (T2N-U001); a program that calls the library gets it (report_test)"},
    {"T2N-P002", "needs a plugin that is wrong (extend_test)"},
    {"T2N-P003", "needs a plugin that is wrong (extend_test)"},
    {"T2N-P004", "needs a plugin that is wrong (extend_test)"},
    {"T2N-R014", "needs a loop that the data ends (extend_test)"},
    {"T2N-R015", "needs state that cannot be an input (extend_test)"},
    {"T2N-R016", "needs a model that reaches for a file (record_test)"},
    {"T2N-R017", "needs a loop that does not end (record_test)"},
    {"T2N-W001", "needs an output that the system refuses (command_test)"},
    {"T2N-W003", "needs a machine without memory (tests/hostile)"},
    {"T2N-R018", "needs an operator whose sizes no rule gives: any that was known would get one (sizes_test)"},
    {"T2N-R019", "needs a model that holds a size of its sample (baked_test)"},
    {"T2N-R020", "needs a .pt2 file with a symbol that torch fixed (exported_program_test)"},
    {"T2N-R023", "needs a model that cannot be streamed (streams)"},
    {"T2N-R024", "needs a stream that tract refuses (streams)"},
};

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::set<std::string> codes_in(const std::string& text, const std::string& before = "") {
  const std::regex pattern(before + "(T2N-[A-Z][0-9]{3})");
  std::set<std::string> codes;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) codes.insert((*at)[1].str());
  return codes;
}

std::set<std::string> table() {
  std::set<std::string> codes;
  for (const torch2nnef::Code& one : all_codes()) codes.emplace(one.code);
  return codes;
}

std::set<std::string> used_codes() {
  std::set<std::string> used;
  for (const char* folder : {"src", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
      if (entry.path().extension() == ".cc") used.merge(codes_in(contents(entry.path())));
    }
  }
  return used;
}

// Those of messages, as text or in a report; not those that a hint or --explain speaks of.
std::set<std::string> shown_codes() {
  std::set<std::string> shown;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/golden")) {
    if (entry.path().extension() != ".golden") continue;
    shown.merge(codes_in(contents(entry.path()), "(?:\n! (?:error|warning|note) |\"code\": \")"));
  }
  return shown;
}

std::set<std::string> without(const std::set<std::string>& all, const std::set<std::string>& some) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::inserter(rest, rest.end()));
  return rest;
}

const std::set<std::string> kNone;

}  // namespace

TEST(Codes, OfTheSourcesAreInTheTable) { EXPECT_EQ(without(used_codes(), table()), kNone); }

TEST(Codes, OfTheTableAreUsed) { EXPECT_EQ(without(table(), used_codes()), kNone); }

TEST(Codes, AreNeverRemoved) {
  const std::set<std::string> given = codes_in(contents(kSource / "tests/golden/codes.txt"));
  ASSERT_FALSE(given.empty());
  EXPECT_EQ(without(given, table()), kNone);
}

TEST(Codes, NewOnesAreWrittenDown) {
  EXPECT_EQ(without(table(), codes_in(contents(kSource / "tests/golden/codes.txt"))), kNone);
}

TEST(Codes, AreSortedAndSayCauseAndCure) {
  for (std::size_t i = 0; i < all_codes().size(); ++i) {
    const torch2nnef::Code& one = all_codes()[i];
    EXPECT_NE(torch2nnef::group_of(one.code), "") << one.code;
    EXPECT_TRUE(one.cause.ends_with('.') && one.cure.ends_with('.')) << one.code << " is not said in sentences";
    if (i == 0) continue;
    EXPECT_LT(all_codes()[i - 1].code, one.code);
  }
}

TEST(Codes, EachIsShownByAGoldenOrItIsSaidWhyNot) {
  std::set<std::string> not_provoked;
  for (const auto& [code, reason] : kNotProvoked) not_provoked.insert(code);
  EXPECT_EQ(without(without(table(), shown_codes()), not_provoked), kNone) << "no golden shows these";
  EXPECT_EQ(without(not_provoked, without(table(), shown_codes())), kNone) << "a golden does show these";
}

TEST(Codes, ThePageIsTheTable) {
  EXPECT_EQ(contents(kPage), torch2nnef::codes_page()) << "codes_test --rebase writes it";
}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "--rebase") == 0) {
    std::ofstream(kPage, std::ios::binary) << torch2nnef::codes_page();
    return 0;
  }
  return RUN_ALL_TESTS();
}
