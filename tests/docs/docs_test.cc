// Man pages and completions of the programs, as the shells and mandoc read them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "export/verify/subprocess.h"

namespace {

using torch2nnef::ProcessResult;
using Words = std::set<std::string>;

const std::string kDocs = DOCS;
constexpr double kTimeoutSeconds = 60;

std::string read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream.good()) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

ProcessResult run(const std::vector<std::string>& command) { return torch2nnef::run_process(command, kTimeoutSeconds); }

Words lines(const std::string& text) {
  Words result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.insert(line.substr(0, line.find('\t')));
  return result;
}

Words flags_in(std::string text) {
  text = std::regex_replace(text, std::regex("\\\\-"), "-");  // roff
  static const std::regex kFlag("--[a-z][a-z-]*[a-z]");
  return {std::sregex_token_iterator(text.begin(), text.end(), kFlag), {}};
}

class Documents : public testing::TestWithParam<std::string> {
 protected:
  std::string made(const std::string& ending) const { return kDocs + "/" + GetParam() + ending; }
};

// A page that speaks of a flag which is gone fails here, and so would one that lacks a flag.
TEST_P(Documents, PageHasTheFlagsOfTheHelpAndNoOthers) {
  const Words help = flags_in(read(made(".help")));
  EXPECT_GE(help.size(), 3U);
  EXPECT_EQ(flags_in(read(made(".1"))), help);
}

TEST_P(Documents, PageIsWellFormed) {
  const ProcessResult lint = run({"mandoc", "-T", "lint", "-W", "warning", made(".1")});
  ASSERT_TRUE(lint.started) << "mandoc is needed: " << lint.why_not;
  // A page that is made at each build has no date of its own.
  static const std::regex kNoDate("[^\n]*missing date[^\n]*\n");
  EXPECT_EQ(std::regex_replace(lint.output + lint.errors, kNoDate, ""), "");
}

TEST_P(Documents, EveryShellReadsItsFile) {
  for (const auto& [shell, file] : {std::pair("bash", made(".bash")), std::pair("zsh", kDocs + "/_" + GetParam()),
                                    std::pair("fish", made(".fish"))}) {
    const ProcessResult read_in = run({shell, "-n", file});
    ASSERT_TRUE(read_in.started) << shell << " is needed: " << read_in.why_not;
    EXPECT_EQ(read_in.exit_status, 0) << read_in.errors;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Documents, testing::Values("torch2nnef", "tract-run", "nnef-check", "nnef-dump"),
                         [](const auto& program) { return std::regex_replace(program.param, std::regex("-"), "_"); });

// What bash offers behind these words; it makes words of its own of "=".
Words bash_offers(const std::string& words) {
  const std::string script =
      "source " + kDocs + "/torch2nnef.bash; cd " + MODELS + "; COMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _torch2nnef; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const ProcessResult result = run({"bash", "-c", script});
  EXPECT_EQ(result.exit_status, 0) << result.errors;
  Words offers = lines(result.output);
  offers.erase("");
  return offers;
}

TEST(Bash, OffersFlagsValuesAndFiles) {
  EXPECT_EQ(bash_offers("torch2nnef --dyn"), Words{"--dynamic-axes"});
  EXPECT_EQ(bash_offers("torch2nnef --naming n"), (Words{"natural", "natural_verbose", "numeric"}));
  EXPECT_EQ(bash_offers("torch2nnef --check = tr"), Words{"tract"});
  EXPECT_EQ(bash_offers("torch2nnef --tolerance = ''").count("ultra"), 1U);
  EXPECT_EQ(bash_offers("torch2nnef dig"), (Words{"digits.inputs.npz", "digits.pt"}));
  EXPECT_EQ(bash_offers("torch2nnef --inputs recurrent.i"), Words{"recurrent.inputs.npz"});
  EXPECT_EQ(bash_offers("torch2nnef --arg dig"), Words{});
}

Words fish_offers(const std::string& line) {
  const ProcessResult result =
      run({"fish", "--no-config", "-c",
           "source " + kDocs + "/torch2nnef.fish; cd " + MODELS + "; complete -C '" + line + "'"});
  EXPECT_EQ(result.exit_status, 0) << result.errors;
  return lines(result.output);
}

TEST(Fish, OffersFlagsValuesAndFiles) {
  EXPECT_EQ(fish_offers("torch2nnef --dyn"), Words{"--dynamic-axes"});
  EXPECT_EQ(fish_offers("torch2nnef --naming natural"), (Words{"natural", "natural_verbose"}));
  EXPECT_EQ(fish_offers("torch2nnef --check=tr"), Words{"--check=tract"});
  EXPECT_EQ(fish_offers("torch2nnef --inputs recurrent.i"), Words{"recurrent.inputs.npz"});
}

// zsh's own function takes the specifications apart; here they are only printed.
TEST(Zsh, DescribesFlagsValuesAndFiles) {
  const ProcessResult result =
      run({"zsh", "-f", "-c", "_arguments() { print -rl -- \"$@\" }; source " + kDocs + "/_torch2nnef"});
  EXPECT_EQ(result.exit_status, 0) << result.errors;
  const Words specifications = lines(result.output);
  for (const char* one :
       {"(-q --quiet)--quiet[print errors only]", "*:argument:_files",
        "--naming=[natural (default), natural_verbose or numeric]:SCHEME:(natural natural_verbose numeric)"}) {
    EXPECT_EQ(specifications.count(one), 1U) << one << " is not in\n" << result.output;
  }
}

}  // namespace
