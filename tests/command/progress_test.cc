// What a user sees on a terminal while an export takes its time, and what is printed where there is none.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;

constexpr double kTimeoutSeconds = 120;

class Progress : public testing::Test {
 protected:
  Progress() {
    const fs::path program = folder_.path() / "engine";
    std::ofstream(program)
        << "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'tract 0.23.9'; exit 0; }\nsleep 3.5\nexit 1\n";
    fs::permissions(program, fs::perms::owner_all);
    command_ = std::string(TORCH2NNEF) + " " + MODELS + "/digits.pt --inputs " + MODELS + "/digits.inputs.npz -o " +
               (folder_.path() / "out.nnef.tgz").string() + " --tract " + program.string();
  }

  torch2nnef::PrivateFolder folder_;
  std::string command_;
};

TEST_F(Progress, ATerminalShowsTheStepAndItsTimeAboveTwoSeconds) {
  const ProcessResult run = torch2nnef::run_process({"script", "-qec", command_, "/dev/null"}, kTimeoutSeconds);
  ASSERT_TRUE(run.started) << run.why_not;
  for (const char* text : {"record ...", "write ...", "check ... 2 s", "check ... 3 s"}) {
    EXPECT_NE(run.output.find(text), std::string::npos) << text << " in " << run.output;
  }
  EXPECT_EQ(run.output.find("record ... 0 s"), std::string::npos);
}

TEST_F(Progress, NothingOfItWhereThereIsNoTerminalOrQuietIsAskedFor) {
  const ProcessResult piped = torch2nnef::run_process({"sh", "-c", command_}, kTimeoutSeconds);
  EXPECT_EQ((piped.output + piped.errors).find("record ..."), std::string::npos);
  const ProcessResult quiet =
      torch2nnef::run_process({"script", "-qec", command_ + " -q", "/dev/null"}, kTimeoutSeconds);
  EXPECT_EQ(quiet.output.find("record ..."), std::string::npos);
}

}  // namespace
