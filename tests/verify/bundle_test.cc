#include "export/verify/bundle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;
using torch2nnef_test::f16;
using torch2nnef_test::write_graph;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(WithoutPlaces, Table) {
  const struct {
    std::string text, expected;
  } rows[] = {
      {"", ""},
      {"y = x / 2 + (H-1)/2", "y = x / 2 + (H-1)/2"},
      {"/", "/"},
      {"layer /conv1", "layer /conv1"},
      {"at /srv/models/x.pt", "at .../x.pt"},
      {"panicked at /root/.cargo/src/ops/reduce.rs:462:18:", "panicked at .../reduce.rs:462:18:"},
      {"{\"file\":\"/data/jo/x.pt\"}", "{\"file\":\".../x.pt\"}"},
      {"--inputs=/data/io.npz", "--inputs=.../io.npz"},
      {"see https://example.org/a/b", "see https://example.org/a/b"},
      {"models/x.pt", "models/x.pt"},
  };
  for (const auto& row : rows) EXPECT_EQ(without_places(row.text), row.expected);
}

TEST(WithoutPlaces, KnownFoldersMayHaveSpaces) {
  const std::string before = std::getenv("HOME") ? std::getenv("HOME") : "";
  setenv("HOME", "/people/jo smith", 1);
  EXPECT_EQ(without_places("read /people/jo smith/x.pt"), "read .../x.pt");
  setenv("HOME", before.c_str(), 1);
}

class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    write_graph(folder_.path() / "model", "shape = [2], datum_type = \"f16\"", "y = x * 2.0;");
    bundle_.archive = folder_.path() / "model";
    bundle_.inputs = {{"x", f16({2}, {1, 2})}};
    bundle_.expected = {{"y", f16({2}, {2, 4})}};
    bundle_.tolerance = Tolerance::kClose;
    bundle_.versions = "torch2nnef 0.1.0\n";
    bundle_.log = "run in " + folder_.path().string() + "/work\n";
    bundle_.report_json = "{\"format\": 1}\n";
  }

  PrivateFolder folder_;
  DebugBundle bundle_;
};

TEST_F(BundleTest, HoldsEverythingAndRunsElsewhere) {
  const fs::path place = folder_.path() / "bundle";
  write_debug_bundle(place, bundle_);
  for (const char* name : {"model.nnef/graph.nnef", "io.npz", "run.sh", "versions.txt", "log.txt", "report.json"}) {
    EXPECT_TRUE(fs::is_regular_file(place / name)) << name;
  }
  EXPECT_EQ(contents(place / "log.txt"), "run in .../work\n");
  EXPECT_EQ(contents(place / "run.sh").find(folder_.path().string()), std::string::npos);
  const fs::path moved = folder_.path() / "elsewhere";
  fs::rename(place, moved);
  const ProcessResult run = run_process({(moved / "run.sh").string()}, 30, {std::string("TRACT=") + TRACT_RUN});
  EXPECT_EQ(run.exit_status, 0) << run.errors;
}

TEST_F(BundleTest, ScriptFailsWhereResultsDiffer) {
  bundle_.expected = {{"y", f16({2}, {2, 5})}};
  write_debug_bundle(folder_.path() / "bundle", bundle_);
  const ProcessResult run =
      run_process({(folder_.path() / "bundle/run.sh").string()}, 30, {std::string("TRACT=") + TRACT_RUN});
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_NE(run.errors.find("4 instead of 5"), std::string::npos) << run.errors;
}

TEST_F(BundleTest, AsOneFile) {
  const fs::path place = folder_.path() / "bundle.tgz";
  write_debug_bundle(place, bundle_);
  const ProcessResult listing = run_process({"tar", "tzf", place.string()}, 30);
  EXPECT_EQ(listing.exit_status, 0);
  EXPECT_EQ(listing.output,
            "bundle/io.npz\nbundle/log.txt\nbundle/model.nnef/graph.nnef\nbundle/report.json\nbundle/run.sh\n"
            "bundle/versions.txt\n");
}

TEST_F(BundleTest, ReplacesABundleButNothingElse) {
  const fs::path place = folder_.path() / "bundle";
  write_debug_bundle(place, bundle_);
  bundle_.versions = "other\n";
  write_debug_bundle(place, bundle_);
  EXPECT_EQ(contents(place / "versions.txt"), "other\n");
  EXPECT_THROW(write_debug_bundle(folder_.path() / "model", bundle_), nnef::IoError);
  EXPECT_TRUE(fs::exists(folder_.path() / "model/graph.nnef"));
  EXPECT_THROW(write_debug_bundle(folder_.path() / "no/such/folder", bundle_), nnef::IoError);
}

}  // namespace
}  // namespace torch2nnef
