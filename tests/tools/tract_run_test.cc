// tract-run as a command: what it prints and its exit statuses.
#include <gtest/gtest.h>

#include "../verify/tensors.h"
#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;
using torch2nnef_test::f16;
using torch2nnef_test::f32;
using torch2nnef_test::i64;
using torch2nnef_test::write_graph;

constexpr const char* kF32 = "shape = [S, 3], datum_type = \"f32\"";

class TractRunTest : public testing::Test {
 protected:
  ProcessResult call(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), TRACT_RUN);
    return run_process(arguments, 60, environment);
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string graph(const std::string& body, const std::string& results = "y", const std::string& external = kF32) {
    write_graph(folder_.path() / "model", external, body, results);
    return path("model");
  }
  std::string npz(const std::string& name, const std::vector<nnef::NamedTensor>& tensors) {
    nnef::write_npz(path(name), tensors);
    return path(name);
  }

  PrivateFolder folder_;
  const nnef::TensorDataPtr row_ = f32({1, 3}, {1, 2, 3});
};

TEST_F(TractRunTest, UsageErrors) {
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } rows[] = {
      {{}, "a model is needed"},
      {{"m"}, "a command is needed: run or dump"},
      {{"m", "walk"}, "unexpected argument 'walk'"},
      {{"m", "run", "dump"}, "unexpected argument 'dump'"},
      {{"m", "--foo", "run"}, "unexpected argument '--foo'"},
      {{"m", "--approx", "close", "run"}, "unexpected argument '--approx'"},
      {{"m", "run", "--input-from-npz"}, "--input-from-npz needs a value"},
      {{"m", "run", "--approx", "nearly"},
       "--approx needs exact, close, approximate, very, super or ultra, not 'nearly'"},
      {{"m", "--set", "S", "run"}, "--set needs SYMBOL=VALUE with an integer, not 'S'"},
      {{"m", "--set", "S=2*T", "run"}, "--set needs SYMBOL=VALUE with an integer, not 'S=2*T'"},
      {{"m", "--timeout=-1", "run"}, "--timeout needs a number of seconds above 0, not '-1'"},
  };
  for (const auto& row : rows) {
    const ProcessResult result = call(row.arguments);
    EXPECT_EQ(result.exit_status, 2) << row.message;
    EXPECT_EQ(result.errors, "tract-run: " + row.message + "\n\nTry tract-run --help.\n");
    EXPECT_EQ(result.output, "");
  }
}

TEST_F(TractRunTest, HelpAndVersion) {
  const ProcessResult help = call({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_EQ(help.output.rfind("tract-run: run an NNEF archive", 0), 0u);
  const ProcessResult version = call({"--version"});
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_EQ(version.output, "tract 0.23.9\n");
}

TEST_F(TractRunTest, SaysWhereTheLibraryMayBe) {
  const ProcessResult none = call({"--version"}, {"TRACT_LIBRARY=", "XDG_CACHE_HOME=" + path("empty")});
  EXPECT_EQ(none.exit_status, 1);
  EXPECT_NE(none.errors.find("run tools/get-tract"), std::string::npos) << none.errors;
  EXPECT_NE(none.errors.find(path("empty") + "/torch2nnef/tract-0.23.9/libtract.so"), std::string::npos) << none.errors;
  const ProcessResult wrong = call({"--version"}, {"TRACT_LIBRARY=/no/such/libtract.so"});
  EXPECT_EQ(wrong.exit_status, 1);
  EXPECT_NE(wrong.errors.find("cannot be loaded"), std::string::npos) << wrong.errors;
  const ProcessResult other = call({"--version"}, {"TRACT_LIBRARY=libm.so.6"});
  EXPECT_EQ(other.exit_status, 1);
  EXPECT_EQ(other.errors, "tract-run: the library has no function tract_version\n");
}

TEST_F(TractRunTest, LoadsWithoutRunning) {
  EXPECT_EQ(call({graph("y = x + 1.0;"), "dump", "-q"}).exit_status, 0);
  EXPECT_EQ(call({graph("y = x + 1.0;"), "-O", "dump"}).exit_status, 0);
  const ProcessResult broken = call({graph("y = x +;"), "dump"});
  EXPECT_EQ(broken.exit_status, 1);
  EXPECT_NE(broken.errors.find("y = x +;"), std::string::npos) << broken.errors;
  const ProcessResult missing = call({path("nothing"), "dump"});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_EQ(missing.errors, "tract-run: File not found " + path("nothing") + "\n");
}

TEST_F(TractRunTest, SavesResultsByTheNamesOfTheGraph) {
  const ProcessResult result =
      call({graph("a = x * 2.0; y = a + 1.0; z = tract_core_cast(y, to = \"i64\");", "z, y"), "--nnef-tract-core",
            "--nnef-tract-extra", "--nnef-tract-transformers", "-O", "run", "--input-from-npz",
            npz("in.npz", {{"x", row_}}), "--save-outputs-npz", path("out.npz")});
  ASSERT_EQ(result.exit_status, 0) << result.errors;
  const auto saved = nnef::read_npz(path("out.npz"));
  ASSERT_EQ(saved.size(), 2u);
  EXPECT_EQ(saved[0].name, "z");
  EXPECT_EQ(bytes_of(*saved[0].data), bytes_of(*i64({1, 3}, {3, 5, 7})));
  EXPECT_EQ(saved[1].name, "y");
  EXPECT_EQ(bytes_of(*saved[1].data), bytes_of(*f32({1, 3}, {3, 5, 7})));
}

TEST_F(TractRunTest, RunsAModelAtSeveralSizes) {
  const ProcessResult result =
      call({graph("y = x * 2.0;"), "run", "--input-from-npz", npz("a.npz", {{"x", row_}}), "--save-outputs-npz",
            path("a.out.npz"), "--input-from-npz", npz("b.npz", {{"x", f32({2, 3}, {1, 2, 3, 4, 5, 6})}}),
            "--save-outputs-npz", path("b.out.npz"), "--input-from-npz", path("nothing.npz")});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.errors, "tract-run: File not found " + path("nothing.npz") + "\n");
  EXPECT_EQ(bytes_of(*nnef::read_npz(path("a.out.npz")).at(0).data), bytes_of(*f32({1, 3}, {2, 4, 6})));
  EXPECT_EQ(bytes_of(*nnef::read_npz(path("b.out.npz")).at(0).data), bytes_of(*f32({2, 3}, {2, 4, 6, 8, 10, 12})));
}

TEST_F(TractRunTest, HalfInputsAreCastOnlyIfAllowed) {
  const std::string model = graph("y = x * 2.0;", "y", "shape = [1, 3], datum_type = \"f16\"");
  const std::string inputs = npz("in.npz", {{"x", row_}});
  const ProcessResult refused = call({model, "run", "--input-from-npz", inputs});
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_EQ(refused.errors,
            "tract-run: For input x, can not reconcile model input fact 1,3,f16 with provided input of type f32\n");
  ASSERT_EQ(
      call({model, "run", "--input-from-npz", inputs, "--allow-float-casts", "--save-outputs-npz", path("out.npz")})
          .exit_status,
      0);
  const auto saved = nnef::read_npz(path("out.npz"));
  EXPECT_EQ(saved.at(0).data->dtype(), nnef::DType::kF32);
  EXPECT_EQ(bytes_of(*saved.at(0).data), bytes_of(*f32({1, 3}, {2, 4, 6})));
}

TEST_F(TractRunTest, ComparesWithABundle) {
  const std::string model = graph("y = x * 2.0;");
  const auto assert_with = [&](const nnef::TensorDataPtr& expected, const std::string& level) {
    return call({model, "run", "--input-from-bundle", npz("io.npz", {{"x", row_}, {"y", expected}}),
                 "--assert-output-bundle", path("io.npz"), "--approx", level});
  };
  EXPECT_EQ(assert_with(f32({1, 3}, {2, 4, 6}), "exact").exit_status, 0);
  EXPECT_EQ(assert_with(f32({1, 3}, {2, 4, 6.001f}), "approximate").exit_status, 0);
  const ProcessResult off = assert_with(f32({1, 3}, {2, 4, 6.01f}), "approximate");
  EXPECT_EQ(off.exit_status, 1);
  EXPECT_EQ(off.errors.rfind("tract-run: Mismatch of output 0 (y): 1 of 3 values differ", 0), 0u) << off.errors;
  EXPECT_EQ(assert_with(i64({1, 3}, {2, 4, 6}), "ultra").exit_status, 1) << "dtypes must be equal";
}

TEST_F(TractRunTest, ResultsWithoutReference) {
  const std::string model = graph("y = x * 2.0;"), io = npz("io.npz", {{"x", row_}});
  const ProcessResult missing = call({model, "run", "--input-from-npz", io, "--assert-output-bundle", io});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_EQ(missing.errors, "tract-run: Missing reference output in bundle for y\n");
  EXPECT_EQ(call({model, "run", "--assert-output-bundle", io, "--allow-missing-outputs"}).exit_status, 0)
      << "inputs are also taken from the bundle";
}

TEST_F(TractRunTest, InputsMustBeThere) {
  const ProcessResult result =
      call({graph("y = x * 2.0;"), "run", "--input-from-npz", npz("in.npz", {{"other", row_}})});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.errors, "tract-run: Unmatched tensor x: the input file has no entry of that name\n");
}

TEST_F(TractRunTest, SymbolsMayBeSet) {
  const std::string model = graph("y = x * 2.0;"), in = npz("in.npz", {{"x", row_}});
  EXPECT_EQ(call({model, "--set", "S=1", "run", "--input-from-npz", in}).exit_status, 0);
  EXPECT_EQ(call({model, "--set", "S=2", "run", "--input-from-npz", in}).exit_status, 1);
}

TEST_F(TractRunTest, PanicsAreStatus101) {
  const ProcessResult result = call({graph("y = sum_reduce(x, axes = [-1]);"), "dump"});
  EXPECT_EQ(result.exit_status, 101);
  EXPECT_EQ(result.errors.rfind("tract-run: tract panicked: index out of bounds", 0), 0u) << result.errors;
}

TEST_F(TractRunTest, TimeIsLimited) {
  std::string body = "y0 = matmul(x, x);";
  for (int i = 0; i < 200; ++i) body += "\n y" + std::to_string(i + 1) + " = matmul(y" + std::to_string(i) + ", x);";
  const std::string model = graph(body, "y200", "shape = [900, 900], datum_type = \"f64\"");
  const auto ones = torch2nnef_test::tensor(nnef::DType::kF64, {900, 900}, std::vector<double>(900 * 900, 1.0));
  const ProcessResult result =
      call({model, "--timeout", "0.5", "run", "--input-from-npz", npz("in.npz", {{"x", ones}})});
  EXPECT_EQ(result.exit_status, 124);
  EXPECT_EQ(result.errors, "tract-run: Timed out after 0.5 s\n");
}

}  // namespace
}  // namespace torch2nnef
