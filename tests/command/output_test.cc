// What stands at the output's place after an export, whatever happens to it: the whole archive, always the same bytes,
// or nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;

const std::string kModel = std::string(MODELS) + "/digits.pt";
const std::string kInputs = std::string(MODELS) + "/digits.inputs.npz";
constexpr double kTimeoutSeconds = 120;

std::vector<std::string> export_command(const fs::path& output, const std::vector<std::string>& more) {
  std::vector<std::string> command = {TORCH2NNEF, kModel, "--inputs", kInputs, "-o", output};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

ProcessResult export_to(const fs::path& output, const std::vector<std::string>& more = {"--check=none"},
                        const std::vector<std::string>& environment = {}) {
  return torch2nnef::run_process(export_command(output, more), kTimeoutSeconds, environment);
}

// With the largest file that may be written, in blocks of 512 bytes.
ProcessResult export_with_limit(const fs::path& output, int blocks) {
  std::vector<std::string> command = {"sh", "-c", "ulimit -f " + std::to_string(blocks) + "; exec \"$@\"", "sh"};
  for (const std::string& word : export_command(output, {"--check=none"})) command.push_back(word);
  return torch2nnef::run_process(command, kTimeoutSeconds);
}

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// An engine that does something else than to run the archive.
fs::path engine_that(const fs::path& folder, const std::string& action) {
  const fs::path program = folder / "engine";
  std::ofstream(program) << "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'tract 0.23.9'; exit 0; }\n" << action << "\n";
  fs::permissions(program, fs::perms::owner_all);
  return program;
}

bool is_empty_but_for(const fs::path& folder, const std::string& name) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != name) return false;
  }
  return true;
}

TEST(Output, IsTheSameBytesEveryTime) {
  const torch2nnef::PrivateFolder one, other;
  for (const char* name : {"a.nnef.tgz", "a.nnef.tar"}) {
    ASSERT_EQ(export_to(one.path() / name).exit_status, 0);
    ASSERT_EQ(
        export_to(other.path() / name, {"--check=none"}, {"TZ=Asia/Tokyo", "LC_ALL=de_DE.UTF-8", "USER=x", "HOME=/"})
            .exit_status,
        0);
    EXPECT_TRUE(bytes_of(one.path() / name) == bytes_of(other.path() / name)) << name;
  }
}

TEST(Output, IsTheSameBytesFromAnotherCopyOfTheModel) {
  const torch2nnef::PrivateFolder folder;
  fs::copy_file(kModel, folder.path() / "copied.pt");
  ASSERT_EQ(export_to(folder.path() / "one.nnef.tgz").exit_status, 0);
  const ProcessResult copied = torch2nnef::run_process({TORCH2NNEF, folder.path() / "copied.pt", "--inputs", kInputs,
                                                        "-o", folder.path() / "two.nnef.tgz", "--check=none"},
                                                       kTimeoutSeconds);
  ASSERT_EQ(copied.exit_status, 0) << copied.errors;
  EXPECT_TRUE(bytes_of(folder.path() / "one.nnef.tgz") == bytes_of(folder.path() / "two.nnef.tgz"));
}

TEST(Output, IsNotThereWhenKilledInTheCheck) {
  const torch2nnef::PrivateFolder folder, tools;
  const fs::path killer = engine_that(tools.path(), "kill -KILL $PPID"), output = folder.path() / "a.nnef.tgz";
  EXPECT_EQ(export_to(output, {"--check=tract", "--tract", killer}).exit_status, 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(output));
  ASSERT_EQ(export_to(output).exit_status, 0);
  EXPECT_TRUE(is_empty_but_for(folder.path(), "a.nnef.tgz")) << "what the killed export left is still there";
}

TEST(Output, LeavesNoTraceWhenInterrupted) {
  for (const char* signal : {"INT", "TERM", "HUP"}) {
    const torch2nnef::PrivateFolder folder, tools, temporary;
    const fs::path killer = engine_that(tools.path(), std::string("kill -") + signal + " $PPID; sleep 0.2");
    std::vector<std::string> command = {"env", "--default-signal"};  // what runs the tests may ignore some
    for (const std::string& word : export_command(folder.path() / "a.nnef.tgz", {"--check=tract", "--tract", killer})) {
      command.push_back(word);
    }
    const ProcessResult result =
        torch2nnef::run_process(command, kTimeoutSeconds, {"TMPDIR=" + temporary.path().string()});
    EXPECT_GT(result.exit_status, 128) << signal;
    EXPECT_TRUE(fs::is_empty(folder.path())) << signal;
    EXPECT_TRUE(fs::is_empty(temporary.path())) << signal;
  }
}

TEST(Output, StaysTheOldOneWhenTheNewOneIsKilled) {
  const torch2nnef::PrivateFolder folder, tools;
  const fs::path killer = engine_that(tools.path(), "kill -KILL $PPID"), output = folder.path() / "a.nnef.tgz";
  ASSERT_EQ(export_to(output).exit_status, 0);
  const std::string before = bytes_of(output);
  EXPECT_EQ(export_to(output, {"--check=tract", "--tract", killer}).exit_status, 128 + SIGKILL);
  EXPECT_TRUE(bytes_of(output) == before);
}

// Killed as soon as something appears in the folder.
TEST(Output, IsNotThereWhenKilledWhileWriting) {
  const torch2nnef::PrivateFolder folder;
  const fs::path output = folder.path() / "a.nnef";
  std::vector<std::string> command = export_command(output, {"--check=none", "-q"});
  std::vector<char*> pointers;
  for (std::string& word : command) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  int status = 0;
  while (fs::is_empty(folder.path()) && waitpid(child, &status, WNOHANG) == 0) {
  }
  kill(child, SIGKILL);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (fs::exists(output)) {
    EXPECT_TRUE(fs::exists(output / "graph.nnef"));  // it was faster: then it is whole
  }
  const ProcessResult again = export_to(output);
  EXPECT_EQ(again.exit_status, 0) << again.errors;
  EXPECT_TRUE(is_empty_but_for(folder.path(), "a.nnef"));
}

TEST(Output, IsNotThereWhenItDoesNotFit) {
  const torch2nnef::PrivateFolder folder;
  for (const char* name : {"a.nnef.tgz", "a.nnef.tar", "a.nnef"}) {
    const ProcessResult result = export_with_limit(folder.path() / name, 16);
    EXPECT_EQ(result.exit_status, 1) << name;
    EXPECT_NE(result.errors.find("T2N-W001"), std::string::npos) << result.errors;
    EXPECT_NE(result.errors.find("File too large"), std::string::npos) << result.errors;
    EXPECT_EQ(result.errors.find("/."), std::string::npos) << "a hidden name is shown: " << result.errors;
    EXPECT_TRUE(fs::is_empty(folder.path())) << name;
  }
}

TEST(Output, IsRefusedWhereNothingCanBeWritten) {
  const torch2nnef::PrivateFolder folder;
  fs::path closed = folder.path();
  if (geteuid() == 0) {
    closed = "/sys";  // permissions do not stop root, but nobody makes files there
  } else {
    fs::permissions(closed, fs::perms::owner_read | fs::perms::owner_exec);
  }
  const ProcessResult result = export_to(closed / "a.nnef.tgz");
  EXPECT_EQ(result.exit_status, 1) << result.errors;
  EXPECT_NE(result.errors.find("'" + closed.string() + "'"), std::string::npos) << result.errors;
  EXPECT_FALSE(fs::exists(closed / "a.nnef.tgz"));
  if (geteuid() != 0) fs::permissions(closed, fs::perms::owner_all);
}

TEST(Output, IsNotThereWhenTheCheckFails) {
  const torch2nnef::PrivateFolder folder, tools;
  const fs::path broken = engine_that(tools.path(), "echo 'it does not run' >&2; exit 1");
  EXPECT_EQ(export_to(folder.path() / "a.nnef.tgz", {"--check=tract", "--tract", broken}).exit_status, 3);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

// The numbers of closed standard streams are given to the next files that are opened: nothing may be printed into
// those.
TEST(Output, IsWholeWithoutStandardStreams) {
  const torch2nnef::PrivateFolder folder;
  ASSERT_EQ(export_to(folder.path() / "one.nnef.tgz").exit_status, 0);
  std::vector<std::string> command = {"sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"};
  for (const std::string& word : export_command(folder.path() / "two.nnef.tgz", {"--check=none", "-v"})) {
    command.push_back(word);
  }
  EXPECT_EQ(torch2nnef::run_process(command, kTimeoutSeconds).exit_status, 0);
  EXPECT_TRUE(bytes_of(folder.path() / "one.nnef.tgz") == bytes_of(folder.path() / "two.nnef.tgz"));
}

TEST(Output, ThatIsNotPrintedIsNoSuccess) {
  const torch2nnef::PrivateFolder folder;
  std::vector<std::string> command = {"sh", "-c", "exec \"$@\" >/dev/full", "sh"};
  for (const std::string& word : export_command(folder.path() / "a.nnef.tgz", {"--check=none"}))
    command.push_back(word);
  const ProcessResult result = torch2nnef::run_process(command, kTimeoutSeconds);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_TRUE(result.errors.ends_with("torch2nnef: the standard output cannot be written: No space left on device\n"))
      << result.errors;
}

}  // namespace
