// The models of this folder, exported by the command, run in tract and compared with what eager PyTorch made of the
// same inputs (NAME.results.npz).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "in_tract.h"
#include "tensors.h"

namespace {

using torch2nnef::ProcessResult;
using torch2nnef_test::Arguments;
using torch2nnef_test::difference_in_tract;
namespace fs = std::filesystem;

const fs::path kModels = MODELS;

ProcessResult export_model(const std::string& name, const fs::path& output, const Arguments& more) {
  Arguments arguments = {"--inputs", kModels / (name + ".inputs.npz")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return torch2nnef_test::export_model(kModels / (name + ".pt"), output, arguments);
}

std::string names(const std::vector<nnef::NamedTensor>& tensors) {
  std::string list;
  for (const nnef::NamedTensor& tensor : tensors) list += (list.empty() ? "" : ",") + tensor.name;
  return list;
}

class Model : public testing::TestWithParam<std::string> {};

TEST_P(Model, GivesInTractWhatEagerTorchGave) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model.nnef.tgz";
  const auto expected = nnef::read_npz(kModels / (GetParam() + ".results.npz"));
  const ProcessResult made = export_model(GetParam(), archive, {"--check=none", "--output-names", names(expected)});
  ASSERT_EQ(made.exit_status, 0) << made.errors;
  EXPECT_EQ(difference_in_tract(archive, nnef::read_npz(kModels / (GetParam() + ".inputs.npz")), expected), "");
}

// Every model with results.
std::vector<std::string> models_with_results() {
  std::vector<std::string> found;
  const std::string ending = ".results.npz";
  for (const fs::directory_entry& entry : fs::directory_iterator(kModels)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending)) found.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::sort(found.begin(), found.end());
  return found;
}

INSTANTIATE_TEST_SUITE_P(All, Model, testing::ValuesIn(models_with_results()),
                         [](const auto& model) { return model.param; });

// A single input and a single result of f32, at values that were not recorded.
using Floats = std::vector<float>;

std::string difference_at(const std::string& name, const std::vector<std::int64_t>& shape, const Floats& input,
                          const Floats& expected) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model.nnef";
  const ProcessResult made = export_model(name, archive, {"--check=none", "--output-names", "result"});
  if (made.exit_status != 0) return made.errors;
  return difference_in_tract(archive, {{"x", torch2nnef_test::f32(shape, input)}},
                             {{"result", torch2nnef_test::f32(shape, expected)}});
}

TEST(ScaleByMaximum, IsNotBakedIn) {
  const Floats input = {0.5F, -8, 2, 0, 1, 3};
  Floats expected = input;
  for (float& value : expected) value *= 8;
  EXPECT_EQ(difference_at("scale_by_maximum", {2, 3}, input, expected), "");
}

TEST(WriteThroughViews, HoldsForOtherValues) {
  const Floats input = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12};
  Floats base = input;
  for (int column = 0; column < 4; ++column) base[column] *= 10;
  for (std::size_t at = 0; at < 12; at += 3) base[at] += 1;  // the first row of the transposed view
  for (int at = 1; at < 12; at += 2) base[at] = -base[at];
  for (float& value : base) value *= 2;
  EXPECT_EQ(difference_at("write_through_views", {3, 4}, input, base), "");
}

// The command's own check compares with libtorch at the recorded sizes and at others.
TEST(SizesInTheGraph, StayExpressions) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made = export_model("sizes_in_the_graph", folder.path() / "model.nnef.tgz",
                                          {"--check=tract", "--dynamic-axes", "x:0=B", "--dynamic-axes", "x:1=S"});
  EXPECT_EQ(made.exit_status, 0) << made.errors;
}

// What is compared with tract is what eager PyTorch gives, to the last bit, however often the module is called.
TEST(RoundingCell, IsExecutedAsItIsWritten) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made =
      export_model("rounding_cell", folder.path() / "model.nnef.tgz", {"--check=tract", "--dynamic-axes", "x:0=T"});
  EXPECT_EQ(made.exit_status, 0) << made.errors;
  std::istringstream lines(made.output);
  int agreeing = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(": agrees (") == std::string::npos) continue;
    ++agreeing;
    EXPECT_TRUE(line.ends_with("agrees (max abs 0, max rel 0)")) << line;
  }
  EXPECT_GE(agreeing, 3);
}

// PyTorch 2 notes the sizes and dtypes that a model is traced with: the command needs nothing else.
TEST(TracedByTorch2, NeedsNoSampleInputs) {
  const torch2nnef::PrivateFolder folder;
  const auto run = [&](const Arguments& more) {
    Arguments command = {TORCH2NNEF, kModels / "traced_by_torch_2.pt", "-o", folder.path() / "model.nnef.tgz",
                         "--check=tract"};
    command.insert(command.end(), more.begin(), more.end());
    return torch2nnef::run_process(command, torch2nnef_test::kTimeoutSeconds);
  };
  const ProcessResult made = run({});
  ASSERT_EQ(made.exit_status, 0) << made.errors;
  for (const char* line : {"input        q f32[2,4,5,8]\n", "input        m bool[5,7]\n",
                           "samples      of the sizes that the model was traced with, values drawn with seed 0"}) {
    EXPECT_NE(made.output.find(line), std::string::npos) << line << "is not in\n" << made.output;
  }
  const ProcessResult dynamic = run({"--dynamic-axes", "q:0=B", "--dynamic-axes", "k:0=B", "--dynamic-axes", "v:0=B",
                                     "--dynamic-axes", "k:2=T", "--dynamic-axes", "v:2=T", "--dynamic-axes", "m:1=T"});
  EXPECT_EQ(dynamic.exit_status, 0) << dynamic.errors;
  EXPECT_NE(dynamic.output.find("input        m bool[5,T]\n"), std::string::npos) << dynamic.output;
}

}  // namespace
