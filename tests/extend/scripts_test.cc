// Scripts whose control flow the values of an input decide: exported and right at inputs that take each way, or refused
// at the line that is in the way.
#include <gtest/gtest.h>

#include <sstream>

#include "extend_support.h"

namespace {

using namespace torch2nnef_test;

const fs::path kFolder = fs::path(EXTEND) / "scripts";
const std::string kSource = "make_scripts.py";

struct Case {
  bool is_refused = false;
  std::string name;
  Arguments flags;
};

void PrintTo(const Case& one, std::ostream* stream) { *stream << one.name; }

std::vector<Case> cases(const std::string& wanted) {
  std::vector<Case> result;
  for (const std::string& line : lines_of(kFolder / "scripts.cases")) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    Case one;
    std::string what;
    words >> what >> one.name;
    if (what != "refused" && what != "exported") throw std::runtime_error("what is '" + what + "'?");
    for (std::string flag; words >> flag;) one.flags.push_back(flag);
    if (what == wanted) result.push_back(std::move(one));
  }
  return result;
}

ProcessResult run(const Case& one, const fs::path& output) {
  Arguments flags = {"--inputs", kFolder / (one.name + ".0.npz"), "--check=none"};
  flags.insert(flags.end(), one.flags.begin(), one.flags.end());
  return export_model(kFolder / (one.name + ".pt"), output, flags);
}

struct Place {
  std::string at;  // "at   make_scripts.py:45 "
  int lines = 2;   // of the source that the message must name
};

// The line that is marked within the class of that name.
Place marked_place(const std::string& name) {
  const std::vector<std::string> lines = lines_of(kFolder / kSource);
  auto line = std::find_if(lines.begin(), lines.end(),
                           [&](const std::string& one) { return one.starts_with("class " + name + "(nn.Module):"); });
  while (line != lines.end() && line->find("# refused") == std::string::npos) ++line;
  if (line == lines.end()) throw std::runtime_error(name + " has no line marked as refused");
  return {fmt::format("at   {}:{} ", kSource, line - lines.begin() + 1), line->ends_with("anyway") ? 1 : 2};
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class Exported : public testing::TestWithParam<Case> {};

TEST_P(Exported, TakesEveryWay) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model.nnef.tgz";
  const ProcessResult made = run(GetParam(), archive);
  ASSERT_EQ(made.exit_status, 0) << made.errors;
  int places = 0;
  for (;; ++places) {
    const fs::path file = kFolder / fmt::format("{}.{}.npz", GetParam().name, places);
    if (!fs::exists(file)) break;
    EXPECT_EQ(difference_in_tract(archive, tensors_of(file, false), tensors_of(file, true)), "") << file;
  }
  EXPECT_GE(places, 2);
}

INSTANTIATE_TEST_SUITE_P(All, Exported, testing::ValuesIn(cases("exported")),
                         [](const auto& one) { return one.param.name; });

class Refused : public testing::TestWithParam<Case> {};

TEST_P(Refused, AtTheLineThatIsInTheWay) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made = run(GetParam(), folder.path() / "model.nnef.tgz");
  EXPECT_EQ(made.exit_status, 1) << made.errors;
  const Place place = marked_place(GetParam().name);
  EXPECT_EQ(count_of(made.errors, place.at), 1) << made.errors;
  EXPECT_GE(count_of(made.errors, kSource + ":"), place.lines) << made.errors;
  EXPECT_NE(made.errors.find("    hint "), std::string::npos) << made.errors;
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

INSTANTIATE_TEST_SUITE_P(All, Refused, testing::ValuesIn(cases("refused")),
                         [](const auto& one) { return one.param.name; });

}  // namespace
