// Bundles that are run again: what failed and is mended, what still fails, what is no bundle.
#include "export/verify/rerun.h"

#include <gtest/gtest.h>

#include <fstream>

#include "export/verify/bundle.h"
#include "export/verify/private_folder.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;
using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::write_graph;

constexpr double kTimeoutSeconds = 60;

class RerunTest : public testing::Test {
 protected:
  // A bundle of y = x * 2 over `dtype`, with what PyTorch is said to have computed.
  void write(const fs::path& place, const std::string& dtype, nnef::TensorDataPtr x, nnef::TensorDataPtr y,
             Tolerance tolerance = Tolerance::kClose) {
    write_graph(folder_.path() / "model", "shape = [2], datum_type = \"" + dtype + "\"", "y = x * 2.0;");
    DebugBundle bundle;
    bundle.archive = folder_.path() / "model";
    bundle.inputs = {{"x", std::move(x)}};
    bundle.expected = {{"y", std::move(y)}};
    bundle.tolerance = tolerance;
    write_debug_bundle(place, bundle);
  }

  PrivateFolder folder_;
};

TEST_F(RerunTest, AgreesWhereTheEngineDoesNow) {
  for (const char* name : {"bundle", "bundle.tgz"}) {
    write(folder_.path() / name, "f32", f32({2}, {1, 2}), f32({2}, {2, 4}));
    const RerunResult result = rerun_bundle(folder_.path() / name, TRACT_RUN, kTimeoutSeconds);
    EXPECT_TRUE(result.agrees()) << name << ": " << result.failure;
    EXPECT_EQ(result.check.engine, "tract 0.23.9");
  }
}

TEST_F(RerunTest, SaysWhichOutputStillDiffers) {
  write(folder_.path() / "bundle.tgz", "f32", f32({2}, {1, 2}), f32({2}, {2, 5}));
  const RerunResult result = rerun_bundle(folder_.path() / "bundle.tgz", TRACT_RUN, kTimeoutSeconds);
  EXPECT_FALSE(result.agrees());
  ASSERT_EQ(result.check.outputs.size(), 1u);
  EXPECT_EQ(result.check.outputs[0].name, "y");
  EXPECT_NE(result.check.outputs[0].detail.find("4 instead of 5"), std::string::npos) << result.check.outputs[0].detail;
}

TEST_F(RerunTest, KeepsTheToleranceAndHalves) {
  write(folder_.path() / "exact", "f32", f32({2}, {1, 2}), f32({2}, {2, 4.000001f}), Tolerance::kExact);
  EXPECT_FALSE(rerun_bundle(folder_.path() / "exact", TRACT_RUN, kTimeoutSeconds).agrees());
  write(folder_.path() / "half", "f16", f16({2}, {1, 2}), f16({2}, {2, 4.004f}), Tolerance::kClose);
  EXPECT_TRUE(rerun_bundle(folder_.path() / "half", TRACT_RUN, kTimeoutSeconds).agrees());
}

TEST_F(RerunTest, SaysWhyTheEngineDoesNotRunIt) {
  write(folder_.path() / "bundle", "f32", f32({2}, {1, 2}), f32({2}, {2, 4}));
  const fs::path program = folder_.path() / "engine";
  std::ofstream(program) << "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'tract 0.23.9'; exit 0; }\n"
                         << "echo 'No definition for operator' >&2\nexit 1\n";
  fs::permissions(program, fs::perms::owner_all);
  const RerunResult result = rerun_bundle(folder_.path() / "bundle", program, kTimeoutSeconds);
  EXPECT_FALSE(result.agrees());
  EXPECT_EQ(result.failure, "No definition for operator");
}

TEST_F(RerunTest, RefusesWhatIsNoBundle) {
  const fs::path place = folder_.path() / "bundle";
  const auto code = [&] {
    try {
      rerun_bundle(place, TRACT_RUN, kTimeoutSeconds);
    } catch (const ExportError& error) {
      return error.diagnostics().at(0).code;
    }
    return std::string("none");
  };
  fs::create_directory(place);
  EXPECT_EQ(code(), "T2N-B001");
  for (const char* missing : {"run.sh", "io.npz", "model.nnef/graph.nnef"}) {
    write(folder_.path() / "whole", "f32", f32({2}, {1, 2}), f32({2}, {2, 4}));
    fs::remove_all(place);
    fs::copy(folder_.path() / "whole", place, fs::copy_options::recursive);
    fs::remove(place / missing);
    EXPECT_EQ(code(), "T2N-B001") << missing;
  }
  EXPECT_THROW(rerun_bundle(place, "/no/such/tract", kTimeoutSeconds), ExportError);
}

}  // namespace
}  // namespace torch2nnef
