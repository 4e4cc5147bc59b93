// Dynamic axes on models that have a size of their sample as a number: each is refused at the line of Python that has
// to change. Those that are put right are exported and hold at other sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;

constexpr double kTimeoutSeconds = 120;
const fs::path kFolder = BAKED;
const std::string kSource = "make_baked.py";

struct Case {
  bool is_refused = false, is_warned = false;
  std::string name, sizes;
  std::vector<std::string> axes;
  std::string constraint;  // "" for none
};

void PrintTo(const Case& one, std::ostream* stream) { *stream << one.name; }

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const std::string& line : lines_of(kFolder / "baked.cases")) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t bar = line.find(" | ");
    std::istringstream words(line.substr(0, bar));
    Case one;
    std::string what;
    words >> what >> one.name >> one.sizes;
    if (what != "refused" && what != "warned" && what != "exported")
      throw std::runtime_error("what is '" + what + "'?");
    one.is_refused = what == "refused";
    one.is_warned = what == "warned";
    for (std::string axis; words >> axis;) one.axes.push_back(axis);
    if (bar != std::string::npos) one.constraint = line.substr(bar + 3);
    result.push_back(std::move(one));
  }
  return result;
}

ProcessResult run(const Case& one, const fs::path& output) {
  std::vector<std::string> command = {
      TORCH2NNEF, kFolder / (one.name + ".pt"), "--input", "x:f32:" + one.sizes, "-o", output, "--check=tract"};
  for (const std::string& axis : one.axes) command.insert(command.end(), {"--dynamic-axes", "x:" + axis});
  return torch2nnef::run_process(command, kTimeoutSeconds);
}

// The place of the line that ends in "# baked", within the class of that name: "make_baked.py:45".
std::string baked_place(const std::string& name) {
  const std::vector<std::string> lines = lines_of(kFolder / kSource);
  auto line = std::find(lines.begin(), lines.end(), "class " + name + "(nn.Module):");
  while (line != lines.end() && !line->ends_with("# baked")) ++line;
  if (line == lines.end()) throw std::runtime_error(name + " has no line marked as baked");
  return kSource + ":" + std::to_string(line - lines.begin() + 1);
}

// The first place in the user's own file that a message names.
std::string named_place(const std::string& message) {
  const std::size_t begin = message.find(kSource + ":");
  if (begin == std::string::npos) return "no line of " + kSource;
  const std::size_t end = message.find_first_not_of("0123456789", begin + kSource.size() + 1);
  return message.substr(begin, end - begin);
}

// What the report says of the sizes that are allowed; "" when it says nothing.
std::string constraint_in(const std::string& report) {
  const std::string row = "\n  constraint   ";
  const std::size_t begin = report.find(row);
  return begin == std::string::npos
             ? ""
             : report.substr(begin + row.size(), report.find('\n', begin + 1) - begin - row.size());
}

class Baked : public testing::TestWithParam<Case> {};

TEST_P(Baked, IsRefusedAtItsLineOrHolds) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made = run(GetParam(), folder.path() / "model.nnef.tgz");
  if (!GetParam().is_refused) {
    EXPECT_EQ(made.exit_status, 0) << made.errors;
    EXPECT_EQ(constraint_in(made.output), GetParam().constraint) << made.output;
    if (GetParam().is_warned) {
      EXPECT_EQ(named_place(made.errors), baked_place(GetParam().name)) << made.errors;
    }
    return;
  }
  EXPECT_EQ(made.exit_status, 1) << made.errors;
  EXPECT_EQ(named_place(made.errors), baked_place(GetParam().name)) << made.errors;
  EXPECT_NE(made.errors.find("    hint "), std::string::npos) << made.errors;
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

INSTANTIATE_TEST_SUITE_P(All, Baked, testing::ValuesIn(cases()), [](const auto& one) { return one.param.name; });

}  // namespace
