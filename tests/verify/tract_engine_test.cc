// The engine behind its interface: TRACT_RUN, built here, drives tract's library (tools/get-tract fetches it).
#include "export/verify/tract_engine.h"

#include <gtest/gtest.h>

#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;
using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::i64;
using torch2nnef_test::write_graph;

constexpr const char* kF32 = "shape = [S, 3], datum_type = \"f32\"";

class TractEngineTest : public testing::Test {
 protected:
  EngineRun run(const std::string& external, const std::string& body, const std::vector<nnef::NamedTensor>& inputs,
                const std::string& results = "y") {
    const auto engine = find_engine(TRACT_RUN);
    EXPECT_TRUE(engine);
    write_graph(folder_.path() / "model", external, body, results);
    return run_engine(*engine, folder_.path() / "model", inputs, 30);
  }

  PrivateFolder folder_;
};

TEST_F(TractEngineTest, FindsWhatItIsGiven) {
  const auto engine = find_engine(TRACT_RUN);
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->program, TRACT_RUN);
  EXPECT_EQ(engine->version, "0.23.9");
}

TEST_F(TractEngineTest, AGivenPathMustWork) {
  for (const char* path : {"/no/such/tract", "true", "echo"})
    EXPECT_THROW(find_engine(path), std::runtime_error) << path;
}

TEST_F(TractEngineTest, RunsAtTheSizesOfTheInputs) {
  const EngineRun result = run(kF32, "y = x * 2.0;\n z = tract_core_cast(y, to = \"i64\");",
                               {{"x", f32({2, 3}, {0, 1, 2, 3, 4, 5})}}, "y, z");
  ASSERT_TRUE(result.ran) << result.message;
  EXPECT_EQ(result.exit_status, 0);
  const auto outputs =
      compare_outputs({{"y", f32({2, 3}, {0, 2, 4, 6, 8, 10})}, {"z", i64({2, 3}, {0, 2, 4, 6, 8, 10})}},
                      result.outputs, Tolerance::kExact);
  for (const auto& output : outputs) EXPECT_TRUE(output.agrees) << output.name << " " << output.detail;
}

TEST_F(TractEngineTest, RunsOnEachOfSeveralInputs) {
  const auto engine = find_engine(TRACT_RUN);
  ASSERT_TRUE(engine);
  write_graph(folder_.path() / "model", kF32, "y = x * 2.0;", "y");
  const std::vector<EngineRun> runs = run_engine_on_each(
      *engine, folder_.path() / "model",
      {{{"x", f32({1, 3}, {0, 1, 2})}}, {{"x", f32({1, 2}, {0, 1})}}, {{"x", f32({2, 3}, {0, 1, 2, 3, 4, 5})}}}, 30);
  ASSERT_EQ(runs.size(), 3u);
  ASSERT_TRUE(runs[0].ran && runs[2].ran) << runs[0].message << runs[2].message;
  EXPECT_FALSE(runs[1].ran);
  EXPECT_NE(runs[1].message, "");
  EXPECT_EQ(bytes_of(*runs[0].outputs.at(0).data), bytes_of(*f32({1, 3}, {0, 2, 4})));
  EXPECT_EQ(bytes_of(*runs[2].outputs.at(0).data), bytes_of(*f32({2, 3}, {0, 2, 4, 6, 8, 10})));
}

TEST_F(TractEngineTest, HalfInputsAndResults) {
  const EngineRun result = run("shape = [2], datum_type = \"f16\"", "y = x + 0.1;", {{"x", f16({2}, {1, 2})}});
  ASSERT_TRUE(result.ran) << result.message;
  const auto outputs = compare_outputs({{"y", f16({2}, {1.1f, 2.1f})}}, result.outputs, Tolerance::kClose);
  EXPECT_TRUE(outputs[0].agrees) << outputs[0].detail;
}

TEST_F(TractEngineTest, SaysWhyNot) {
  const EngineRun result = run(kF32, "y = nosuch(x);", {{"x", f32({1, 3}, {1, 2, 3})}});
  EXPECT_FALSE(result.ran);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.message, "No definition for operator Identifier(\"nosuch\")");
  EXPECT_TRUE(result.outputs.empty());
}

TEST_F(TractEngineTest, PanicsAreReported) {
  const EngineRun result = run(kF32, "y = sum_reduce(x, axes = [-1]);", {{"x", f32({1, 3}, {1, 2, 3})}});
  EXPECT_FALSE(result.ran);
  EXPECT_EQ(result.exit_status, 101);
  EXPECT_EQ(result.message.rfind("tract panicked: index out of bounds", 0), 0u) << result.message;
}

TEST_F(TractEngineTest, TimeIsLimited) {
  const fs::path slow = folder_.path() / "slow";
  std::ofstream(slow) << "#!/bin/sh\nexec sleep 20\n";
  fs::permissions(slow, fs::perms::owner_all);
  const EngineRun result = run_engine({slow, "0.23.9"}, "model", {}, 0.3);
  EXPECT_FALSE(result.ran);
  EXPECT_EQ(result.exit_status, -1);
  EXPECT_EQ(result.message, "tract gave no answer within 0.3 s");
}

TEST_F(TractEngineTest, EnginesMayBeGone) {
  const EngineRun result = run_engine({folder_.path() / "gone", "0.23.9"}, "model", {}, 10);
  EXPECT_FALSE(result.ran);
  EXPECT_EQ(result.exit_status, 127);
  EXPECT_NE(result.message.find("cannot be started: No such file or directory"), std::string::npos) << result.message;
}

}  // namespace
}  // namespace torch2nnef
