// Whole models, exported by the command for a release of tract and checked in that release:
//
//   targets_test TARGET [GOOGLETEST FLAGS]
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"
#include "nnef/dialect/dialect.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;

constexpr double kTimeoutSeconds = 120;

struct Case {
  std::string model, inputs;
  std::vector<std::string> flags;
  nnef::Version needs;
};

Case parse_case(const std::string& line) {
  std::istringstream words(line);
  Case one;
  words >> one.model >> one.inputs;
  for (std::string word; words >> word;) {
    if (!word.starts_with("needs:")) {
      one.flags.push_back(word);
    } else if (const auto version = nnef::Version::parse(word.substr(6))) {
      one.needs = *version;
    } else {
      throw std::runtime_error("'" + word + "' names no release");
    }
  }
  return one;
}

std::vector<Case> read_cases(const fs::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  std::vector<Case> cases;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') cases.push_back(parse_case(line));
  }
  return cases;
}

class ModelTest : public testing::Test {
 public:
  ModelTest(Case one, nnef::Target target) : case_(std::move(one)), target_(target) {}

  void TestBody() override {
    const torch2nnef::PrivateFolder folder;
    const fs::path archive = folder.path() / "model.nnef.tgz";
    const ProcessResult made = export_to(archive);
    if (target_.version < case_.needs) {
      EXPECT_EQ(made.exit_status, 1) << made.output << made.errors;
      const std::string reason = "needs tract >= " + case_.needs.to_string();
      EXPECT_NE(made.errors.find(reason), std::string::npos) << made.errors;
      EXPECT_TRUE(std::regex_search(made.errors, std::regex("error T2N-L004: .*\n +at +[a-z_]+\\.py:[0-9]+")))
          << made.errors;
      EXPECT_FALSE(fs::exists(archive));
      return;
    }
    EXPECT_EQ(made.exit_status, 0) << made.errors;
    const std::string verdict =
        fmt::format("reference and tract {}: every output agrees with PyTorch", target_.version.to_string());
    EXPECT_NE(made.output.find(verdict), std::string::npos) << made.output;
  }

 private:
  ProcessResult export_to(const fs::path& archive) const {
    const fs::path tests = TESTS;
    const bool is_file = case_.inputs.ends_with(".npz");
    std::vector<std::string> command = {TORCH2NNEF,
                                        tests / (case_.model + ".pt"),
                                        is_file ? "--inputs" : "--input",
                                        is_file ? (tests / case_.inputs).string() : case_.inputs,
                                        "--target",
                                        target_.to_string(),
                                        "--check=tract",
                                        "-o",
                                        archive};
    command.insert(command.end(), case_.flags.begin(), case_.flags.end());
    return torch2nnef::run_process(command, kTimeoutSeconds);
  }

  Case case_;
  nnef::Target target_;
};

int run_all(const nnef::Target& target) {
  const fs::path file = fs::path(TESTS) / "targets" / "models.cases";
  for (const Case& one : read_cases(file)) {
    const std::string name = fs::path(one.model).filename();
    testing::RegisterTest("models", name.c_str(), nullptr, one.model.c_str(), __FILE__, __LINE__,
                          [=]() -> testing::Test* { return new ModelTest(one, target); });
  }
  return RUN_ALL_TESTS();
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const auto target = argc == 2 ? nnef::Target::parse(argv[1]) : std::nullopt;
  if (!target) {
    std::cerr << "usage: targets_test TARGET\n";
    return 2;
  }
  try {
    return run_all(*target);
  } catch (const std::exception& error) {
    std::cerr << "targets_test: " << error.what() << "\n";
    return 1;
  }
}
