// What the command may not do, whatever it is given: leave processes or files behind, lose the user's files, drive the
// terminal, reach what it does not need.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::PrivateFolder;
using torch2nnef::ProcessResult;

const std::string kModel = std::string(MODELS) + "/digits.pt";
const std::string kInputs = std::string(MODELS) + "/digits.inputs.npz";
constexpr double kTimeoutSeconds = 120;

ProcessResult run(const fs::path& output, const std::vector<std::string>& more,
                  const std::vector<std::string>& environment = {}) {
  std::vector<std::string> command = {TORCH2NNEF, kModel, "--inputs", kInputs, "-o", output};
  command.insert(command.end(), more.begin(), more.end());
  return torch2nnef::run_process(command, kTimeoutSeconds, environment);
}

fs::path engine_that(const fs::path& folder, const std::string& action) {
  const fs::path program = folder / "engine";
  std::ofstream(program) << "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'tract 0.23.9'; exit 0; }\n" << action << "\n";
  fs::permissions(program, fs::perms::owner_all);
  return program;
}

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 100; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(Harm, NothingStaysWhenItIsKilled) {
  const PrivateFolder folder, tools, temporary;
  const fs::path engine = engine_that(
      tools.path(), "echo $$ > " + (folder.path() / "engine.pid").string() + "; kill -KILL $PPID; sleep 60");
  const ProcessResult result =
      run(folder.path() / "a.nnef.tgz", {"--check=tract", "--tract", engine}, {"TMPDIR=" + temporary.path().string()});
  EXPECT_EQ(result.exit_status, 128 + SIGKILL);
  pid_t pid = 0;
  std::ifstream(folder.path() / "engine.pid") >> pid;
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(comes_true([&] { return kill(pid, 0) != 0; })) << "the engine still runs";
  EXPECT_TRUE(comes_true([&] { return fs::is_empty(temporary.path()); })) << "temporary files are left";
  fs::remove(folder.path() / "engine.pid");
  EXPECT_TRUE(comes_true([&] { return fs::is_empty(folder.path()); })) << "an unfinished archive is left";
}

TEST(Harm, AnEngineOutOfTimeEndsWithWhatItStarted) {
  const PrivateFolder folder;
  const fs::path file = folder.path() / "pid";
  const ProcessResult result =
      torch2nnef::run_process({"sh", "-c", "sleep 60 & echo $! > " + file.string() + "; wait"}, 1.0);
  EXPECT_TRUE(result.timed_out);
  pid_t pid = 0;
  std::ifstream(file) >> pid;
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(comes_true([&] { return kill(pid, 0) != 0; }));
}

TEST(Harm, FoldersOfTheUserStay) {
  const PrivateFolder folder;
  const fs::path project = folder.path() / "project";
  fs::create_directories(project);
  std::ofstream(project / "graph.nnef") << "mine";
  for (const char* more : {"notes.txt", ".git", "w.npz"}) {
    std::ofstream(project / more) << "mine";
    const ProcessResult result = run(project, {"--check=none", "--force"});
    EXPECT_EQ(result.exit_status, 2) << more;
    EXPECT_TRUE(fs::exists(project / more));
    fs::remove(project / more);
  }
  std::ofstream(project / "w.dat") << "mine";
  EXPECT_EQ(run(project, {"--check=none"}).exit_status, 2);
  EXPECT_EQ(run(project, {"--check=none", "--force"}).exit_status, 0);
  EXPECT_FALSE(fs::exists(project / "w.dat"));
  EXPECT_EQ(run(project, {"--check=none"}).exit_status, 0) << "an archive of its own is replaced";
}

TEST(Harm, TheTerminalIsNotDriven) {
  const PrivateFolder folder;
  const std::string name = "\x1b]0;owned\a\xff.pt";
  fs::copy_file(kModel, folder.path() / name);
  for (const char* more : {"--json", "--verbose"}) {
    const ProcessResult result =
        torch2nnef::run_process({TORCH2NNEF, folder.path() / name, "--input", "nothing:f32:1", more}, kTimeoutSeconds);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ((result.output + result.errors).find_first_of("\x1b\a\xff"), std::string::npos) << result.errors;
  }
}

TEST(Harm, StreamsThatCannotBeWrittenChangeNoStatus) {
  const PrivateFolder folder;
  const auto status = [&](const std::string& streams, const std::string& arguments) {
    const std::string line = std::string("\"$0\" ") + arguments + " " + streams;
    return torch2nnef::run_process({"sh", "-c", line, TORCH2NNEF}, kTimeoutSeconds).exit_status;
  };
  EXPECT_EQ(status("2>/dev/full", "--nothing"), 2);
  EXPECT_EQ(status("2>/dev/full",
                   kModel + " -v --check=none --inputs " + kInputs + " -o " + (folder.path() / "a.nnef.tgz").string()),
            0);
  EXPECT_EQ(status(">/dev/full 2>/dev/full", "--help"), 2);
}

TEST(Harm, TemporaryPlacesThatAreNoneAreErrors) {
  const PrivateFolder folder;
  for (const char* place : {"/nope", "/dev/null", "/proc"}) {
    const ProcessResult result = run(folder.path() / "a.nnef.tgz", {"--check=tract"}, {std::string("TMPDIR=") + place});
    EXPECT_EQ(result.exit_status, 1) << place << result.errors;
    EXPECT_NE(result.errors.find(place), std::string::npos) << result.errors;
    EXPECT_TRUE(fs::is_empty(folder.path()));
  }
}

// The engine is under the same rules as the process that runs the model: it shows them.
TEST(Harm, TheSandboxHolds) {
  const PrivateFolder folder, tools, elsewhere;
  const fs::path target = elsewhere.path() / "written", report = folder.path() / "report";
  const fs::path engine =
      engine_that(tools.path(), "(echo x > " + target.string() + ") 2>/dev/null && echo wrote > " + report.string() +
                                    " || echo refused > " + report.string() + "; exit 1");
  const auto tries = [&](const std::string& more) {
    const PrivateFolder temporary;
    const ProcessResult result = run(folder.path() / "a.nnef.tgz", {"--check=tract", "--tract", engine, "-v", more},
                                     {"TMPDIR=" + (folder.path() / "tmp").string()});
    std::string word;
    std::ifstream(report) >> word;
    return std::make_pair(word, result.errors);
  };
  fs::create_directories(folder.path() / "tmp");
  const auto [word, errors] = tries("--comments");
  if (errors.find("landlock") == std::string::npos || errors.find("has no landlock") != std::string::npos) {
    GTEST_SKIP() << "this kernel has no landlock";
  }
  EXPECT_EQ(word, "refused") << errors;
  EXPECT_FALSE(fs::exists(target));
  const auto [open_word, open_errors] = tries("--no-sandbox");
  EXPECT_EQ(open_word, "wrote");
  EXPECT_NE(open_errors.find("sandbox: switched off"), std::string::npos) << open_errors;
}

}  // namespace
