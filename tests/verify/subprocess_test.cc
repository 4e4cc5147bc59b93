#include "export/verify/subprocess.h"

#include <gtest/gtest.h>

#include <chrono>

namespace torch2nnef {
namespace {

TEST(RunProcess, CollectsBothStreamsAndTheStatus) {
  const ProcessResult result = run_process({"sh", "-c", "echo out; echo err >&2; exit 7"}, 10);
  EXPECT_TRUE(result.started);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST(RunProcess, ArgumentsAreNotForAShell) {
  EXPECT_EQ(run_process({"printf", "%s|", "a b", "$HOME", "'\"`"}, 10).output, "a b|$HOME|'\"`|");
}

TEST(RunProcess, EnvironmentIsAdded) {
  const ProcessResult result =
      run_process({"sh", "-c", "echo $T2N_TEST_WORD $HOME"}, 10, {"T2N_TEST_WORD=yes", "HOME=h"});
  EXPECT_EQ(result.output, "yes h\n");
}

TEST(RunProcess, NoSuchProgram) {
  const ProcessResult result = run_process({"./no-such-program-here"}, 10);
  EXPECT_FALSE(result.started);
  EXPECT_NE(result.exit_status, 0);  // who asks for nothing else must not take it for a success
  EXPECT_EQ(result.why_not, "No such file or directory");
}

TEST(RunProcess, SignalsAreStatusesAbove128) {
  EXPECT_EQ(run_process({"sh", "-c", "kill -ABRT $$"}, 10).exit_status, 128 + 6);
}

TEST(RunProcess, TimeIsLimited) {
  const auto started = std::chrono::steady_clock::now();
  // The second shell keeps the streams open after the first was killed.
  const ProcessResult result = run_process({"sh", "-c", "echo early; sleep 5; true"}, 0.3);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.output, "early\n");
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(4));
}

TEST(RunProcess, MuchOutputOnBothStreamsDoesNotBlock) {
  const ProcessResult result =
      run_process({"sh", "-c", "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; exit 3"}, 30);
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_GE(result.output.size(), std::size_t{1} << 20);
  EXPECT_LT(result.output.size(), std::size_t{1} << 21);
}

}  // namespace
}  // namespace torch2nnef
